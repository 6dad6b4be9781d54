"""The figures of many boards: intervals that hold what they should, runs that are kept, what a board counts as."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from scriptqueue.schemas import Scene, Storyboard
from tests.quality import report
from tests.quality.columns import Written
from tests.quality.intervals import Tally, difference, effective, mean, share, wilson
from tests.quality.measures_board import BOARD_MEASURES, tallies_of
from tests.quality.observer import forced_tallies, lost_by
from tests.quality.prompts import Prompt, of_plain, prompts

PROMPT = Prompt("x", "zh", "drama", "父亲在雨中留下遗物，周海生读懂了那封信", names=("周海生",))


def board(*texts: tuple[str, str], camera: str = "wide shot") -> Storyboard:
    scenes = [
        Scene(scene_number=n, description=seen, duration=5, camera=camera, action=done, video_prompt=f"{seen}, 4k")
        for n, (seen, done) in enumerate(texts, 1)
    ]
    return Storyboard(title="短剧", total_duration=5 * len(scenes), scenes=tuple(scenes))


@pytest.mark.parametrize(
    ("value", "n", "low", "high"),
    [(0.5, 10, 0.2366, 0.7634), (0.0, 60, 0.0, 0.0602), (1.0, 60, 0.9398, 1.0), (0.9, 100, 0.8256, 0.9448)],
)
def test_wilsons_interval_is_the_published_one(value: float, n: int, low: float, high: float) -> None:
    assert wilson(value, n) == pytest.approx((low, high), abs=1e-3)


def test_boards_whose_scenes_fall_alike_count_as_boards() -> None:
    alike = [Tally(4, 4), Tally(0, 4)] * 10
    mixed = [Tally(2, 4)] * 20

    assert effective(alike) == 20
    assert effective(mixed) == 80
    assert effective([Tally(0, 4)] * 20) == 20
    assert share(alike).n == 80
    assert share(alike).value == share(mixed).value == 0.5


def test_a_mean_is_of_units_and_its_interval_holds_it() -> None:
    found = mean([Tally(10.0, 10), Tally(60.0, 20), Tally(0, 0)])

    assert found.value == pytest.approx(70 / 30)
    assert (found.n, found.boards) == (30, 2)
    assert found.low == 1.0
    assert found.high == 3.0


@pytest.mark.parametrize("estimate", [share, mean])
def test_nothing_to_count_has_no_value(estimate: object) -> None:
    assert callable(estimate)
    assert estimate([Tally(0, 0)]).value is None


def test_a_difference_is_told_from_chance_by_the_same_boards() -> None:
    before = [Tally(n % 2, 1) for n in range(40)]
    better = [Tally(1, 1)] * 40

    assert report.verdict(difference(before, better), "more") == "better"
    assert report.verdict(difference(before, better), "less") == "worse"
    assert report.verdict(difference(before, before), "more") == ""
    assert report.verdict(difference(before, better), "") == ""


def test_eight_scenes_of_one_text_are_seven_repeats() -> None:
    eight = board(*[("父亲在雨中留下遗物", "父亲用笔在雨中留下遗物")] * 8)

    counted = tallies_of(PROMPT, PROMPT.job(1), {}, eight, is_mended=False)

    assert counted["repeats"] == counted["near_repeats"] == (7, 7)
    assert counted["action_again"] == (8, 8)
    assert counted["cameras"] == (0, 1)
    assert counted["names_found"] == (0, 1)
    assert counted["language"] == (1, 1)
    assert counted["says_back"][0] >= 8


def test_what_was_asked_for_is_looked_for_before_anything_is_mended() -> None:
    prompt = Prompt("x", "en", "advert", "An advert, 15 seconds", seconds=15)
    raw = {"scenes": [{"duration": 5}] * 3}

    assert tallies_of(prompt, prompt.job(1), raw, None, is_mended=True)["seconds"] == (1, 1)
    assert tallies_of(prompt, prompt.job(1), {"scenes": ["text"]}, None, is_mended=True)["seconds"] == (0, 1)
    four = Prompt("x", "en", "travel", "Vienna in 4 scenes", scenes=4)
    assert tallies_of(four, four.job(1), raw, None, is_mended=True)["count"] == (0, 1)


def test_without_a_board_nothing_else_is_counted() -> None:
    counted = tallies_of(PROMPT, PROMPT.job(1), {}, None, is_mended=True)

    assert {*counted} == {"valid", "as_written", "language", "count"}
    assert {tally.part for tally in counted.values()} == {0}


def test_each_measure_is_counted_of_some_board_and_no_other() -> None:
    prompt = Prompt("x", "en", "advert", "An advert, 15 seconds", seconds=15)
    three = board(("a", "b"), ("c", "d"), ("e", "f"))
    counted = {*tallies_of(PROMPT, PROMPT.job(1), {}, three, is_mended=False)}
    counted |= {*tallies_of(prompt, prompt.job(1), {}, three, is_mended=False)}

    assert counted == {measure.name for measure in BOARD_MEASURES}


def test_a_run_is_kept_beside_the_one_before_it(tmp_path: Path) -> None:
    path = tmp_path / "quality.json"
    runs = [report.run_of({"model": name}, {"engine": []}) for name in ("first", "second", "third")]

    for run in runs:
        kept = report.keep(run, "latest", path)
    kept = report.keep(runs[0], "eight", path)

    assert {label: run["model"] for label, run in kept.items()} == {
        "before": "second",
        "latest": "third",
        "eight": "first",
    }
    assert json.loads(path.read_text()) == kept


def test_the_prompts_are_sixty_of_six_languages_and_each_name_is_in_its_prompt() -> None:
    listed = prompts()

    assert len(listed) == len({prompt.id for prompt in listed}) == 60
    assert {prompt.language for prompt in listed} == {"zh", "en", "es", "fr", "de", "ja"}
    assert [prompt.id for prompt in listed for name in prompt.names if name not in prompt.prompt] == []
    assert len(of_plain(listed)) == 20
    assert max(len(prompt.prompt) for prompt in listed) > 3900
    for prompt in listed:
        request = prompt.job(1)
        assert request.target_duration_s == prompt.seconds, prompt.id
        assert prompt.scenes in {None, request.min_scenes}, prompt.id


def test_what_a_penalty_takes_is_in_nats() -> None:
    allowed = torch.tensor([0.0, 0.0, -math.inf])

    assert lost_by(allowed, math.log(2), {1: 100.0}) == pytest.approx(math.log(2))
    assert lost_by(allowed, math.log(2), {0: 1.0, 1: 1.0}) == pytest.approx(1.0)
    assert lost_by(allowed, math.log(2), {2: 5.0}) == 0


def test_forced_tokens_are_scored_where_they_stand() -> None:
    class Model:
        device = torch.device("cpu")

        def __call__(self, ids: torch.Tensor, logits_to_keep: torch.Tensor, use_cache: bool) -> object:
            """After token n, n + 1 is likely."""
            scores = torch.full((1, ids.shape[1], 8), -50.0)
            for place, token in enumerate(ids[0].tolist()):
                scores[0, place, token + 1] = 0.0
            return type("Output", (), {"logits": scores[:, logits_to_keep]})()

    tallies = forced_tallies(Model(), [0, 1], [2, 5, 6], {1})

    assert tallies["forced_wanted"] == (2, 2)
    assert tallies["forced_nats"].part == pytest.approx(0, abs=1e-6)
    assert forced_tallies(Model(), [0, 1], [2, 5, 6], {0})["forced_wanted"] == (1, 2)
    assert forced_tallies(Model(), [0], [1], {0}) == {}


def test_the_page_shows_the_figures_and_the_first_boards_as_they_are() -> None:
    shown = board(("雾散开", "鹿抬头"), ("海", "浪"), ("山", "云"))
    written = [
        Written(PROMPT, 1, "", shown, tallies_of(PROMPT, PROMPT.job(1), {}, shown, is_mended=False)),
        *[Written(PROMPT, seed, "", None, {}) for seed in range(2, 12)],
    ]
    about = {"model": "m", "weight_bits": 16, "dtype": "fp32", "seeds": [1], "hardware": "h", "took_s": 1}
    run = report.run_of(about, {"engine": written, "plain": written[:1]})

    page = report.page(run, written)

    assert page.count("\n## ") == 10
    assert page.count("No valid board.") == 9
    assert "1. 雾散开 / 鹿抬头 (wide shot, 5 s)" in page
    assert "| names_found | 0 [0, 0.793] | 1 | 0 [0, 0.793] | 0 [0, 0.793] |" in page
    assert "| valid | 1 [0.207, 1] | 1 |" in page
