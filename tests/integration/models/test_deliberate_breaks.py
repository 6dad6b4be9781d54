"""Each mistake that a conversion can make is far outside the tolerance: the comparison with the reference sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from models.families.family import ConfigReader, Family
from models.families.registry import FAMILIES
from models.rules import Rule
from tests.integration.models.conftest import CONFIGS, Write, difference, random_weights
from tests.integration.models.test_exactness import TOLERANCE

Break = Callable[[Family], Family]


def swap(first: str, second: str) -> Break:
    """The two targets change places."""

    def renamed(target: str) -> str:
        return target.replace(first, "\0").replace(second, first).replace("\0", second)

    def broken(rule: Rule) -> Rule:
        return replace(rule, targets=tuple(map(renamed, rule.targets)))

    return lambda family: replace(family, rules=tuple(map(broken, family.rules)))


def configured(**wrong: Any) -> Break:
    def broken(family: Family) -> Family:
        def config(source: ConfigReader) -> dict[str, Any]:
            values = family.config(source)
            rope = values["rope_parameters"] | wrong.get("rope_parameters", {})
            return values | wrong | {"rope_parameters": rope}

        return replace(family, config=config)

    return broken


def without_normalising(family: Family) -> Family:
    return replace(family, rules=tuple(replace(rule, normalised=False) for rule in family.rules))


BREAKS: list[tuple[str, str, Break]] = [
    ("qwen", "gate and up swapped", swap("gate_proj", "up_proj")),
    ("baichuan", "gate and up swapped", swap("gate_proj", "up_proj")),
    ("chatglm", "k and v swapped", swap("k_proj", "v_proj")),
    ("qwen", "k and v swapped", swap("k_proj", "v_proj")),
    ("baichuan", "k and v swapped", swap("k_proj", "v_proj")),
    ("baichuan", "the two norms swapped", swap("input_layernorm", "post_attention_layernorm")),
    ("chatglm", "full rotary", configured(rope_parameters={"partial_rotary_factor": 1.0})),
    ("chatglm", "rope_ratio ignored", configured(rope_parameters={"rope_theta": 10000.0})),
    ("qwen", "rope base ignored", configured(rope_parameters={"rope_theta": 10000.0})),
    ("baichuan", "head not normalised", without_normalising),
    ("chatglm", "Glm's own eps", configured(rms_norm_eps=1.5625e-7)),
    ("qwen", "eps wrong", configured(rms_norm_eps=1e-5)),
    ("baichuan", "eps wrong", configured(rms_norm_eps=1e-5)),
]


@pytest.mark.parametrize(("family", "mistake", "make"), BREAKS, ids=[f"{name}: {what}" for name, what, _ in BREAKS])
def test_a_mistake_is_noticed(
    family: str, mistake: str, make: Break, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dict(CONFIGS[family])
    config |= {"rope_ratio": 50} if "rope_ratio" in mistake else {}
    config |= {"rotary_emb_base": 1000.0} if "rope base" in mistake else {}
    weights = random_weights(config)
    path = write(config, weights)
    assert difference(path, config, weights) <= TOLERANCE

    monkeypatch.setitem(FAMILIES, family, make(FAMILIES[family]))

    assert difference(path, config, weights) > 2 * TOLERANCE


def test_gate_and_up_swapped_in_the_joined_projection_is_noticed(write: Write) -> None:
    config, weights = CONFIGS["chatglm"], random_weights(CONFIGS["chatglm"])
    wrong = {
        name: value.roll(len(value) // 2, 0) if "dense_h_to_4h" in name else value for name, value in weights.items()
    }

    assert difference(write(config, wrong), config, weights) > 2 * TOLERANCE
