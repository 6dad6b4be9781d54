"""Rules: exactly one a tensor, nothing left over on either side."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from models.families.registry import FAMILIES
from models.rules import Piece, apply, check_complete, drop, normalise, rename, split
from shared.errors import ModelUnavailable

CONFIG = SimpleNamespace(wide=3, narrow=1)
RULES = (
    rename("h.{n}.norm.weight", "layers.{n}.norm.weight"),
    split("h.{n}.qkv.{p}", ("layers.{n}.q.{p}", "layers.{n}.k.{p}"), lambda config: (config.wide, config.narrow)),
    normalise("head.weight", "lm_head.weight"),
    drop("inv_freq"),
)


def test_a_template_carries_the_layer_and_the_kind_of_tensor() -> None:
    pieces = apply(RULES, {"h.12.qkv.bias": (4,)}, CONFIG)

    assert [(piece.target, piece.rows, piece.shape) for piece in pieces] == [
        ("layers.12.q.bias", (0, 3), (3,)),
        ("layers.12.k.bias", (3, 4), (1,)),
    ]


def test_a_template_is_no_regular_expression() -> None:
    with pytest.raises(ModelUnavailable, match="does not have"):
        apply(RULES, {"h_1_norm_weight": (4,)}, CONFIG)


def test_what_is_dropped_gives_nothing() -> None:
    assert apply(RULES, {"inv_freq": (4,)}, CONFIG) == []


def test_tensors_of_no_rule_are_counted_and_named() -> None:
    with pytest.raises(ModelUnavailable, match="x0, x1, x2, x3, x4 and 2 more"):
        apply(RULES, {f"x{number}": (1,) for number in range(7)}, CONFIG)


def test_a_split_that_does_not_come_out_even_is_refused() -> None:
    with pytest.raises(ModelUnavailable, match=r"h\.0\.qkv\.weight has 5 rows; the config asks for 3 \+ 1"):
        apply(RULES, {"h.0.qkv.weight": (5, 2)}, CONFIG)


def test_a_split_copies_nothing() -> None:
    tensor = torch.arange(8.0).reshape(4, 2)
    first, second = apply(RULES, {"h.0.qkv.weight": (4, 2)}, CONFIG)

    assert first.value(tensor, torch.float32).data_ptr() == tensor.data_ptr()
    assert second.value(tensor, torch.float32).tolist() == [[6.0, 7.0]]


def test_normalised_rows_have_length_one_and_a_row_of_zeros_stays() -> None:
    tensor = torch.randn(5000, 7, dtype=torch.float16)
    tensor[3] = 0
    piece = apply(RULES, {"head.weight": (5000, 7)}, CONFIG)[0]

    lengths = piece.value(tensor, torch.float32).norm(dim=1)

    assert lengths[3] == 0
    assert torch.allclose(lengths[torch.arange(5000) != 3], torch.ones(4999), atol=1e-6)


def test_blocks_are_the_value_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.rules._BLOCK_VALUES", 21)
    tensor = torch.randn(10, 7)
    piece = apply(RULES, {"head.weight": (10, 7)}, CONFIG)[0]

    blocks = list(piece.blocks(tensor, torch.float32))

    assert [len(block) for block in blocks] == [3, 3, 3, 1]
    assert torch.equal(torch.cat(blocks), torch.nn.functional.normalize(tensor, eps=1e-12))


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ([], "missing: a"),
        ([("a", (2,)), ("b", (1,))], "does not ask for: b"),
        ([("a", (3,))], r"a is \(3,\); the config asks for \(2,\)"),
        ([("a", (2,)), ("a", (2,))], "two tensors claim to be a"),
    ],
)
def test_the_native_side_must_come_out_equal(made: list[tuple[str, tuple[int, ...]]], reason: str) -> None:
    pieces = [Piece(name, "source", (0, shape[0]), shape, False) for name, shape in made]

    with pytest.raises(ModelUnavailable, match=reason):
        check_complete(pieces, {"a": (2,)})


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_no_two_rules_of_a_family_match_one_tensor(family: object) -> None:
    rules = family.rules  # type: ignore[attr-defined]
    for rule in rules:
        for part in ("weight", "bias"):
            name = rule.source.format(n=17, p=part)
            assert len([other for other in rules if other.match(name)]) == 1
