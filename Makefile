# Thin: each target sets up what it needs (at once when it is there) and calls one command.
.DEFAULT_GOAL := help
.PHONY: help setup demo demo-check test-setup test test-long check wheelhouse wheelhouse-try test-deploy bench-alarm bench-desk bench-desk-restart bench-wall test-walls bench-edge bench-edge-outage bench-trust bench-modbus bench-bridge bench-collector soak-edge soak-collector soak-pager soak-duty fuzz-collector soak-machine sweep-edge faults-edge faults-desk faults-bell fuzz-desk fuzz-drivers fuzz-bridge fuzz-firmware firmware schema docs-screenshots clean

help: ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1	\2/p' Makefile | expand -t 24

setup: ## install what the demo needs
	@scripts/setup.sh demo

demo: setup ## run the whole way of a press and a reading on this machine, until Ctrl-C
	@.venv/bin/siaga demo run

demo-check: setup ## the same without a screen: press, accept, and time each hop
	@.venv/bin/siaga demo check

test-setup:
	@scripts/setup.sh test

test: test-setup ## run all tests, with real brokers, database and browser
	@env -u PYTHONDONTWRITEBYTECODE .venv/bin/pytest -n 5 --dist worksteal

test-long: test-setup ## play at its real length, or once more, what `make test` plays shortened, about three minutes
	@.venv/bin/pytest -m long

check: test-setup ## style, types, imports between rooms, schemas, drivers' own words, Grafana's JSON, Ansible's rules
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@.venv/bin/python -m contract.schema --check
	@.venv/bin/python -m edge_agent.drivers.word
	@.venv/bin/python -m dashboards.grafana --check
	@.venv/bin/siaga system units --check >/dev/null
	@cd ansible && PATH="$(CURDIR)/.venv/bin:$$PATH" ansible-lint --offline --profile production -q

wheelhouse: setup ## gather the wheels of ARCH (x86_64 or aarch64) from which machines are installed without a network
	@UV_SYSTEM_CERTS=$(or $(UV_SYSTEM_CERTS),true) .tools/uv/bin/uv run -q --no-project --python python3 --with 'packaging>=26,<27' scripts/wheelhouse.py $(or $(ARCH),$(shell uname -m))

test-deploy: test-setup wheelhouse ## boot a city of machines, deploy it, upgrade it, break it, restore it (root; about 20 minutes; STEPS: some, KEEP=1: leave it up, RECORD=1: log it)
	@.venv/bin/python -m tests.deploy --steps '$(STEPS)' $(if $(KEEP),--keep) $(if $(RECORD),--record)

wheelhouse-try: setup ## start the aarch64 wheelhouse's agent once, under qemu, and press its button (root; the first time five minutes)
	@scripts/wheelhouse-try.sh

bench-alarm: test-setup ## time 200 presses from the button's edge to the page's paint
	@.venv/bin/python -m benchmarks.alarm

bench-desk: test-setup ## the duty desk under a city's load: presses, 1,000 alarms in a minute, restarts, many pages (PART: some of them)
	@.venv/bin/python -m benchmarks.desk $(PART)

bench-desk-restart: test-setup ## a desk killed in the middle of an incident with ROWS rows behind it, and what a year of them costs
	@ROWS=$(or $(ROWS),1000000) .venv/bin/python -m benchmarks.desk_restart

bench-wall: test-setup ## the walls' questions over a simulated day and a year, and what 24 screens' heartbeats cost (20 minutes)
	@.venv/bin/python -m benchmarks.wall; held=$$?; .venv/bin/python -m benchmarks.wall_heartbeats && exit $$held

test-walls: test-setup ## each value of each panel over the whole day of the whole city (6 minutes)
	@SIAGA_TEST_WALLS=full .venv/bin/pytest -q -p no:cacheprovider tests/dashboards/values

bench-edge: test-setup ## what the agent costs a box, what an outage costs its card, and a million readings that drain (20 minutes)
	@.venv/bin/python -m benchmarks.edge

bench-edge-outage: test-setup ## bytes written in HEALTHY_MINUTES with a link and OUTAGE_MINUTES without, in real time
	@HEALTHY_MINUTES=$(or $(HEALTHY_MINUTES),20) OUTAGE_MINUTES=$(or $(OUTAGE_MINUTES),60) .venv/bin/python -m benchmarks.edge_outage

bench-modbus: test-setup ## 32 slaves on one bus, 8 of them dead, for SECONDS: the polls that the living keep
	@SECONDS=$(or $(SECONDS),120) .venv/bin/python -m benchmarks.modbus

bench-bridge: test-setup ## from a pin of a board to the agent, PRESSES times; then LOSSES presses with a bad line and 20 resets
	@PRESSES=$(or $(PRESSES),500) .venv/bin/python -m benchmarks.bridge
	@PRESSES=$(or $(LOSSES),10000) .venv/bin/pytest -q -s tests/firmware_bridge/test_firmware_board.py -k none_lost

bench-trust: test-setup ## what TLS costs the collector per message, and a press
	@.venv/bin/python -m benchmarks.trust

soak-machine: test-setup ## run RUNS nights of the box's world that Hypothesis makes up, and prove that broken rules are found
	@RUNS=$(or $(RUNS),10000) .venv/bin/pytest -q -p no:cacheprovider tests/edge_agent/test_world_machine.py

bench-collector: test-setup ## the collector at the broker's limit, PAIRS pairs each, and a store outage of OUTAGE_S seconds
	@PAIRS=$(or $(PAIRS),5) OUTAGE_S=$(or $(OUTAGE_S),600) .venv/bin/python -m benchmarks.collector

soak-collector: test-setup ## kills, freezes and outages around collectors for SECONDS, from SEED; the books must balance
	@.venv/bin/python -m tests.collector.soak $(or $(SECONDS),120) $(or $(SEED),1)

fuzz-collector: test-setup ## COUNT broken bodies, judged the quick and the careful way, from SEED
	@.venv/bin/python -m tests.collector.fuzz $(or $(COUNT),1000000) $(or $(SEED),1)

soak-pager: test-setup ## play RUNS nights of pages in virtual time: channels that fail, restarts, people who answer or not
	@.venv/bin/python -m tests.duty_desk.channels.soak $(or $(RUNS),500)

soak-duty: test-setup ## play COUNT months of DAYS days of duty in virtual time, from SEED: no minute without somebody who is reached, or a fault
	@.venv/bin/python -m tests.duty_desk.duty.month $(or $(DAYS),30) $(or $(SEED),1) $(or $(COUNT),1)

soak-edge: test-setup ## run RUNS nights of the box's world in virtual time, from seed SEED on
	@.venv/bin/python -m tests.edge_agent.world $(or $(RUNS),10000) $(or $(SEED),1)

faults-edge: test-setup ## play the network faults at their real times and sizes, about six minutes
	@.venv/bin/pytest -q tests/edge_agent/network_faults/full_scale.py

faults-desk: test-setup ## a ledger that is full, locked or stalls for a minute, at real times, about four minutes
	@.venv/bin/pytest -q tests/duty_desk/ledger/full_scale.py

faults-bell: test-setup ## silence the desk RUNS times from SEED, in four ways: the bell sounds within 10 s, and not in a healthy minute
	@.venv/bin/python -m tests.duty_desk.bell.faults $(or $(RUNS),20) $(or $(SEED),1)

fuzz-desk: test-setup ## ask the desk whatever its OpenAPI allows, as each role, for SECONDS, from SEED
	@.venv/bin/python -m tests.duty_desk.proof.fuzz $(or $(SECONDS),300) $(or $(SEED),1)

fuzz-drivers: test-setup ## feed INPUTS damaged inputs to each driver's parser, from seed SEED on
	@.venv/bin/python -m tests.edge_agent.drivers.fuzz $(or $(INPUTS),1000000) $(or $(SEED),1)

fuzz-bridge: test-setup ## feed INPUTS damaged streams to the parser of a board's frames, from seed SEED on
	@.venv/bin/python -m tests.firmware_bridge.fuzz $(or $(INPUTS),1000000) $(or $(SEED),1)

fuzz-firmware: test-setup ## feed the board's C what a line may bring for SECONDS, under libFuzzer; needs clang
	@tests/firmware_bridge/libfuzzer/run.sh $(or $(SECONDS),600)

sweep-edge: test-setup ## kill the outbox, and cut its power, at every write and sync of a session
	@.venv/bin/python -m tests.edge_agent.card_faults

firmware: test-setup ## build the board's firmware and its simulator into var/firmware, and hold it to its size
	@firmware_bridge/firmware/build.sh

schema: test-setup ## write docs/schema from the types
	@.venv/bin/python -m contract.schema --write

docs-screenshots: test-setup ## take the docs' screenshots again
	@SIAGA_SCREENSHOTS=1 .venv/bin/pytest -q tests/duty_desk/test_console.py tests/duty_desk/console tests/duty_desk/pages/test_archive_page.py tests/duty_desk/pages/test_calls.py tests/duty_desk/triage/test_page.py tests/duty_desk/duty/test_page.py tests/dashboards/server/test_pictures.py tests/dashboards/server/test_incident.py

clean: ## remove everything that was installed or made here
	rm -rf .venv .tools var dist build duty_desk/console/vendor dashboards/server/page/vendor .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
