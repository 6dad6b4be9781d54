"""How many rows may run, after the device has said that it was too many."""

from __future__ import annotations

from worker.engine.row_limit import CALM_STEPS, HOPELESS, RowLimit


def calm(room: RowLimit, steps: int) -> None:
    for _ in range(steps):
        room.fitted(room.rows)


def test_the_batch_halves_until_it_fits_and_never_vanishes() -> None:
    room, seen = RowLimit(8), []
    for _ in range(4):
        room.overflowed(room.rows)
        seen.append(room.rows)

    assert seen == [4, 2, 1, 1]


def test_it_halves_what_ran_and_not_what_could_have_run() -> None:
    room = RowLimit(64)

    room.overflowed(6)

    assert room.rows == 3


def test_after_a_calm_it_grows_by_one_row_up_to_where_it_was() -> None:
    room = RowLimit(4)
    room.overflowed(4)

    calm(room, CALM_STEPS)
    after_one = room.rows
    calm(room, 100 * CALM_STEPS)

    assert (after_one, room.rows) == (3, 4)


def test_steps_of_a_small_batch_say_nothing_about_a_larger_one() -> None:
    room = RowLimit(8)
    room.overflowed(8)

    for _ in range(100 * CALM_STEPS):
        room.fitted(3)

    assert room.rows == 4


def test_each_overflow_makes_it_wait_longer_before_it_asks_again() -> None:
    room = RowLimit(4)
    room.overflowed(4)
    calm(room, CALM_STEPS)
    room.overflowed(room.rows)
    before = room.rows

    calm(room, 2 * CALM_STEPS - 1)
    still = room.rows
    calm(room, 1)

    assert (before, still, room.rows) == (1, 1, 2)


def test_a_device_on_which_no_text_at_all_takes_a_step_is_hopeless() -> None:
    room = RowLimit(4)
    for _ in range(HOPELESS - 1):
        room.overflowed(1)
    room.fitted(1)
    for _ in range(HOPELESS - 1):
        room.overflowed(1)
    before = room.hopeless

    room.overflowed(1)

    assert (before, room.hopeless) == (False, True)
