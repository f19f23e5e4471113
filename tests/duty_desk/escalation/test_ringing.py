"""The desk's own tick: what it lets ring, in portions, and what the ledger is handed."""

from __future__ import annotations

from duty_desk.incidents.siren import SOUND_S
from duty_desk.ringing import MAX_STEPS_A_TICK, Policy, Ringing
from tests.duty_desk.escalation.scene import Scene


def ringing(scene: Scene) -> Ringing:
    """Return the ringing of a desk that was just started over a scene's board."""
    return Ringing(Policy(sirens=("box-1",)), lambda: scene.wall_ns, lambda: scene.monotonic_ns)


def test_a_thousand_that_are_due_at_once_come_in_portions_each_once() -> None:
    scene = Scene()
    for number in range(200):
        scene.press(f"b{number}")
    scene.wall_ns += 100 * 10**9
    desk, reached = ringing(scene), []
    for _ in range(3 * 200 // MAX_STEPS_A_TICK):
        portion = desk.tick(scene.board)
        assert len(portion.records) == MAX_STEPS_A_TICK
        assert not any(scene.board.recorded(incident.id) for incident in portion.incidents)
        reached += [(each.entry.incident_id, each.entry.step) for each in portion.records]  # type: ignore[union-attr]
    assert not portion.more
    assert len(reached) == len(set(reached)) == 600
    assert desk.tick(scene.board).records == []
    assert {incident.step for incident in scene.board.active()} == {3}


def test_a_press_that_joins_what_an_earlier_run_left_leaves_its_age_to_the_tick() -> None:
    scene = Scene()
    incident = scene.press()
    scene.log = [record for record in scene.log if record.entry.kind == "press"]
    scene.restart(away_s=20)
    desk = ringing(scene)
    joined = scene.board.apply(scene.board.press(incident.rows[0].alarm, "alarm", scene.wall_ns))  # type: ignore[union-attr]
    assert joined is not None
    assert desk.begin(scene.board, joined).records == []
    assert [each.entry.step for each in desk.tick(scene.board).records] == [0, 1]  # type: ignore[union-attr]


def test_the_siren_sounds_while_anything_that_reached_it_is_unanswered() -> None:
    scene = Scene()
    first, second = scene.press("a"), scene.press("b")
    desk = ringing(scene)
    assert desk.commands(scene.board) == []
    scene.wait(60)
    (on,) = desk.commands(scene.board)
    assert (on.device, on.on, on.seconds) == ("box-1", True, SOUND_S)
    scene.accept(first)
    assert desk.commands(scene.board) == []
    scene.accept(second)
    (off,) = desk.commands(scene.board)
    assert not off.on
