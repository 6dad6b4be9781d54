"""What is typed after a command goes where it belongs, and nowhere else."""

from __future__ import annotations

from collections import Counter

import pytest

from scriptqueue.cli.arguments import arguments_of, options_of, parser


@pytest.mark.parametrize("command", sorted(parser()[1]))
def test_no_two_arguments_of_a_command_share_a_place(command: str) -> None:
    places = Counter(action.dest for action in parser()[1][command]._actions)

    assert [place for place, times in places.items() if times > 1] == []


@pytest.mark.parametrize("typed", [["3"], ["2", "3"], ["1", "2", "3"]])
def test_the_scenes_to_rewrite_are_no_number_of_scenes(typed: list[str]) -> None:
    arguments = arguments_of(["rewrite", "JOB", *typed, "--note", "at night"])

    assert arguments.numbers == [int(number) for number in typed]
    assert options_of(arguments) == {}
