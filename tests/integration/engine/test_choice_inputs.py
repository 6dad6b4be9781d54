"""What a choice is sent: numbers of the step before are none of the next one's."""

from __future__ import annotations

import torch

from worker.engine.decode.choice_inputs import ChoiceInputs

SIZE = 64  # of the vocabulary


def test_a_penalty_of_a_row_that_is_no_longer_there_is_not_sent_again() -> None:
    """A choice of fewer rows would write beyond its scores: on a GPU that ends the process."""
    inputs = ChoiceInputs(4, SIZE, torch.device("cpu"))

    for rows in (4, 4, 1, 1):  # two buffers, each used twice
        inputs.send([1.0] * rows, [1.0] * rows, [0] * rows, [0] * rows, [(row, SIZE - 1, 2.0) for row in range(rows)])

        assert int(inputs.penalties.at.max()) == rows * SIZE - 1
        assert float(inputs.penalties.amount.sum()) == 2.0 * rows
