"""The order of a run by several workers: what mostly waits comes first at some, so that others have the processor.

Left where they stand in the alphabet, these tests would wait one after the other, or for a minute at the very end.
"""

from __future__ import annotations

from typing import Final, Protocol, TypeVar

WAITING: Final = (
    "duty_desk/bell/test_bell.py",
    "dashboards/guardian/test_screens.py::test_each_thing_that_freezes_is_named_for_what_it_is",
    "duty_desk/pair/test_two_desks.py::"
    "test_fault_35_of_two_desks_one_owns_the_other_takes_over_from_a_killed_one_and_at_once_from_one_that_stops",
    "duty_desk/pair/test_paging.py",
    "duty_desk/pair/test_two_desks.py::"
    "test_fault_35_an_owner_cut_off_from_everything_is_taken_over_from_and_stands_down",
    "duty_desk/pair/test_two_desks.py::test_fault_35_the_owner_goes_on_without_a_database_and_the_other_stands_by",
    "duty_desk/pair/test_two_desks.py::"
    "test_fault_35_a_frozen_owner_is_taken_over_from_and_once_it_goes_on_it_writes_and_sends_nothing",
    "duty_desk/pair/test_two_desks.py::test_fault_35_an_owner_that_hears_no_broker_leaves_it_to_the_other",
    "duty_desk/channels/test_sms.py",
    "end_to_end/test_books.py::test_the_books_of_a_box_balance_to_the_reading_and_one_that_is_deleted_is_missed",
    "end_to_end/test_trust.py::test_fault_24_rotation_of_all_certificates_under_a_press_each_second",
    "end_to_end/test_kills.py::test_fault_2_agent_killed_right_after_the_commit",
    "duty_desk/synthetic/test_press.py::test_a_box_presses_as_it_is_told_each_hop_is_seen_and_no_officer_sees_it",
    "dashboards/server/test_screens.py::test_a_screen_shows_its_city_who_is_silent_and_that_its_server_is_gone",
    "duty_desk/ledger/test_faults.py",
    "end_to_end/test_trust.py::test_fault_15_a_revoked_box_is_silent_at_once_says_so_and_is_restored",
    "duty_desk/console/test_stream.py::test_a_cut_stream_goes_on_without_a_gap_and_nothing_doubled",
    "end_to_end/test_load.py::test_300_readings_a_second_from_20_boxes",
    "end_to_end/test_kills.py::test_fault_29_collector_killed_between_write_and_receipt",
    "dashboards/server/test_screens.py::test_grafana_is_shown_read_only_and_when_it_is_down_the_own_board_is",
    "end_to_end/test_kills.py::test_a_killed_agent_loses_at_most_the_last_30_s_of_readings",
    "dashboards/guardian/test_telling.py::test_a_screen_is_told_on_both_brokers_retained_and_again_after_one_was_away",
    "duty_desk/screens/test_stream.py::test_fault_36_a_page_that_sleeps_is_told_to_everybody_and_does_not_ring",
    "duty_desk/channels/test_paging_service.py::"
    "test_fault_34_killed_after_a_page_it_sends_it_not_again_but_its_repeat_at_its_time",
    "duty_desk/test_siren_command.py::test_what_does_not_work_is_said",
    "end_to_end/test_kills.py::test_fault_29_no_receipt_before_the_store_took_it",
    "duty_desk/escalation/test_service.py::test_it_climbs_sounds_the_siren_on_both_brokers_and_is_silent_at_the_answer",
    "edge_agent/network_faults/test_paths.py::test_fault_12_a_lost_lamp_message_is_repaired_by_the_next_round",
    "duty_desk/console/test_stream.py::test_a_box_that_died_is_told_until_it_is_back",
    "end_to_end/test_kills.py::test_fault_9_broker_killed",
    "edge_agent/test_config_keeper.py::"
    "test_fault_44_a_good_push_waits_for_presses_is_tried_and_confirmed_and_counts_from_then_on",
    "edge_agent/network_faults/test_paths.py::test_fault_20_on_200_bytes_a_second_a_press_goes_before_the_backlog",
    "duty_desk/proof/test_crowd.py::test_a_request_that_never_ends_is_cut_off",
    "duty_desk/console/test_stream.py::test_a_dead_desk_shows_within_ten_seconds_and_the_page_comes_back",
    "collector/test_books_process.py::test_fault_30_the_books_of_a_group_are_kept_by_one_and_hold_through_its_death",
    "duty_desk/escalation/test_service.py::"
    "test_fault_13_a_frozen_alarm_broker_is_shown_within_20_s_and_presses_come_by_the_other",
    "duty_desk/proof/test_script.py::test_the_log_in_leads_to_this_desk_alone",
    "duty_desk/escalation/test_service.py::test_with_no_screen_to_ring_all_steps_come_at_once_after_the_start",
    "collector/test_life.py::test_it_is_ready_without_its_broker_says_what_is_wrong_and_tells_nothing_while_frozen",
    "collector/test_outage.py::test_fault_31_a_store_that_is_down_costs_no_reading_and_every_box_is_told_to_wait",
    "duty_desk/geo/test_map_page.py::test_a_lost_graphics_card_gives_way_to_the_plain_map",
    "end_to_end/test_outage.py::test_fault_31_after_an_outage_what_is_fresh_is_stored_before_the_backlog",
    "duty_desk/escalation/test_service.py::test_fault_34_killed_mid_escalation_it_goes_on_where_it_was",
    "edge_agent/boards/test_boards.py::test_a_board_that_misbehaves_is_a_fault_within_10_s_that_says_what_it_is",
    "edge_agent/network_faults/test_brokers.py::"
    "test_fault_13_a_frozen_broker_is_shown_after_twice_the_keep_alive_and_2_s",
    "duty_desk/duty/test_page.py::test_a_desk_that_is_killed_begins_no_shift_twice_and_takes_over_a_roster_within_5_s",
    "edge_agent/network_faults/test_brokers.py::"
    "test_fault_21_all_boxes_come_back_spread_and_a_press_goes_through_meanwhile",
    "duty_desk/test_service.py::test_fault_15_what_the_broker_refuses_the_desk_is_shown_until_it_is_mended",
    "link/test_slow_link.py::test_a_handshake_that_brings_bytes_goes_on_and_what_follows_gets_the_same_time",
    "duty_desk/proof/test_load.py::test_a_hundred_alarms_in_three_seconds_none_is_lost_and_the_oldest_stays_on_top",
    "edge_agent/network_faults/test_paths.py::test_fault_16_a_press_that_nobody_hears_is_not_delivered",
)
"""What waits for 5 s or more, the longest first. A file stands for all tests in it, which one worker then takes: they
share what starts slowly.
"""


class Named(Protocol):
    """A collected test."""

    @property
    def nodeid(self) -> str:
        """Its file, name and parameters."""


Item = TypeVar("Item", bound=Named)


def arranged(items: list[Item], workers: int) -> list[Item]:
    """Return the tests in the order in which each worker takes an equal part of them.

    Half of the workers begin with what waits; what they have not begun in the end the others take from them.
    """
    if workers < 2:
        return items
    together: dict[str, list[Item]] = {f"tests/{name}": [] for name in WAITING}
    others: list[Item] = []
    for item in items:
        together.get(_name(item), together.get(_file(item), others)).append(item)
    waiting = list(together.values())
    begin, part = workers // 2, len(items) // workers
    order: list[Item] = []
    for worker in range(begin):
        mine = [item for block in waiting[worker::begin] for item in block]
        room = max(0, part - len(mine))
        order += [*mine, *others[:room]]
        del others[:room]
    return order + others


def _name(item: Named) -> str:
    return item.nodeid.partition("[")[0]


def _file(item: Named) -> str:
    return item.nodeid.partition("::")[0]
