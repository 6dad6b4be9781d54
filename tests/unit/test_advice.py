"""What to do about a problem stands for every code of a problem, in both languages."""

from __future__ import annotations

import re

from api.http.advice import ADVICE
from api.http.problems import STATUS

HAN = re.compile(r"[\u3400-\u9fff]")


def test_every_problem_has_its_advice_in_two_languages() -> None:
    assert ADVICE.keys() == STATUS.keys()
    for code, advice in ADVICE.items():
        assert HAN.search(advice.title_zh), code
        assert HAN.search(advice.zh), code
        assert advice.en.endswith("."), code
        assert not HAN.search(advice.en), code
