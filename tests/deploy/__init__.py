"""Machines that boot, a network of their own, and the playbooks run on them over ssh: `make test-deploy`.

| file | what |
|---|---|
| `network.py` | a namespace with a bridge, and one for each machine; no way out |
| `image.py` | the bare Debian 12 that every machine is a copy of, made once |
| `machine.py` | one machine: booted by systemd-nspawn, its power cut, booted again |
| `apt_cache.py` | Debian's packages for them, kept on this machine |
| `city.py` | the city: its inventory, its authority, its secrets |
| `playbook.py` | runs a playbook, and what it says of each host |
| `presses.py` | the boards in the boxes, and whether each press of theirs is in the ledger once |
| `steps.py` | the scenarios, in order |
| `__main__.py` | runs them, a line each, and writes the log |
"""
