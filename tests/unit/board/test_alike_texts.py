"""Which texts show the same, by tables in four languages: the engine writes such a scene anew."""

from __future__ import annotations

import pytest

from shared.board.likeness import is_near, is_same, overlap

SAME = [
    ("父亲在雨中留下遗物", "父亲在雨中，留下遗物。"),
    ("The keeper lights the lamp.", "the keeper  lights the LAMP"),
    ("少年が海辺で凧をあげる", "少年が、海辺で凧をあげる！"),
    ("El último tren sale de la estación", "¡El último tren sale de la estación!"),
]
NEAR = [
    ("父亲在雨中留下遗物，儿子转身离开", "父亲在雨中留下遗物，儿子转身走开"),
    ("The keeper walks up the stairs and lights the lamp", "The keeper walks up the stairs and then lights the lamp"),
    ("少年が海辺で赤い凧をあげている", "少年が海辺で青い凧をあげている"),
    ("El último tren sale de la estación a medianoche", "A medianoche el último tren sale de la estación"),
    ("雨打在老街的青石板上，小女孩停下脚步", "雨打在老街的青石板上，小女孩停下脚步，抬头望向亮灯的窗户"),
]
OTHER = [
    ("父亲在雨中留下遗物", "儿子多年后读懂了那封信"),
    ("程序员在咖啡店敲击键盘", "程序员在地铁里翻看笔记"),
    ("The keeper walks up the stairs", "The keeper reads the letter by the window"),
    ("少年が海辺で凧をあげる", "少年が丘の上で空を見上げる"),
    ("El tren sale de la estación", "Una niña saluda desde el andén vacío"),
    ("海", "大海边的灯塔亮了"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_blanks_case_and_punctuation_make_no_other_scene(one: str, other: str) -> None:
    assert is_same(one, other)
    assert is_near(one, other)
    assert overlap(one, other) == 1


@pytest.mark.parametrize(("one", "other"), NEAR)
def test_a_scene_that_is_said_again_in_other_words_is_near_and_not_the_same(one: str, other: str) -> None:
    assert not is_same(one, other)
    assert is_near(one, other)
    assert is_near(other, one)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_scenes_of_one_subject_are_not_near(one: str, other: str) -> None:
    assert not is_near(one, other)
