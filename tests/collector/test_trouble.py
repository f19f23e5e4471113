"""How much patience is asked of the boxes."""

from __future__ import annotations

from collector.trouble import LEAST_RETRY_AFTER_S, MOST_RETRY_AFTER_S, Trouble


def test_a_trouble_begins_once_and_ends_with_its_length() -> None:
    trouble = Trouble()
    assert not trouble
    assert trouble.end(1.0) is None
    assert trouble.begin("down", 10.0)
    assert not trouble.begin("still down", 11.0)
    assert trouble
    assert trouble.why == "still down"
    assert trouble.end(15.0) == 5.0
    assert not trouble
    assert trouble.times == 1


def test_patience_grows_with_the_trouble_and_heeds_the_store() -> None:
    trouble = Trouble()
    trouble.begin("down", 100.0)
    assert trouble.retry_after_s(100.0) == LEAST_RETRY_AFTER_S
    assert trouble.retry_after_s(112.0) == 12.0
    assert trouble.retry_after_s(10_000.0) == MOST_RETRY_AFTER_S
    trouble.begin("slow down", 100.0, asked_s=9.0)
    assert trouble.retry_after_s(100.0) == 9.0
