"""A camera text is the distance that it names, by words of the trade and not by letters that happen to stand in it."""

from __future__ import annotations

import pytest

from scriptqueue.camera import read_camera

CLOSE, MEDIUM, WIDE = "close up", "medium shot", "wide shot"


@pytest.mark.parametrize(
    ("text", "camera"),
    [
        *((text, CLOSE) for text in ("MCU", "CU", "ECU", "XCU", "BCU", "ecu", "CU.", "近距离", "中近景", "面部大特写")),
        *((text, WIDE) for text in ("ELS", "EWS", "VLS", "LS", "WS", "FS", "MLS", "MWS", "ls", "全身", "大全景")),
        *((text, MEDIUM) for text in ("MS", "OTS", "POV", "过肩", "半身", "双人镜头", "waist-up", "cowboy shot")),
        *((text, WIDE) for text in ("top-down", "overhead", "bird's-eye view", "Birds eye", "俯视", "鸟瞰", "drone")),
        *((text, CLOSE) for text in ("Medium close-up", "mid close up", "CLOSEUP", "close_up", "tight shot", "macro")),
        *((text, WIDE) for text in ("extreme long shot", "full-body shot", "Wide", "medium wide", "long shot")),
    ],
)
def test_the_words_and_abbreviations_of_the_trade_are_known(text: str, camera: str) -> None:
    assert read_camera(text) == camera


@pytest.mark.parametrize(
    ("text", "camera"),
    [
        ("medium shot of a bird", MEDIUM),
        ("Medium shot, slowly following along the street", MEDIUM),
        ("Medium shot in an enclosed yard", MEDIUM),
        ("Wide shot, highly detailed", WIDE),
        ("Wide establishing shot with intricate details", WIDE),
        ("Wide shot of the disclosed documents", WIDE),
        ("Close-up of a wide landscape painting", CLOSE),
        ("close up with a wide-angle lens", CLOSE),
        ("wide-angle close-up", CLOSE),
        ("wide-eyed child, medium shot", MEDIUM),
        ("Tracking shot, CU on the hands", CLOSE),
        ("drone pulls back from a close-up", CLOSE),
        ("WS, then CU", WIDE),
        ("Ms. Lee at the window, WS", WIDE),
        ("先特写后全景", CLOSE),
        ("航拍特写", CLOSE),
        ("跟拍，全景", WIDE),
        ("全身湿透的男人，中景", MEDIUM),
        ("camera: shot on film, full shot", WIDE),
    ],
)
def test_the_distance_that_is_named_first_wins_over_movement_and_subject(text: str, camera: str) -> None:
    assert read_camera(text) == camera


@pytest.mark.parametrize(
    "text",
    [
        *(
            "along the wall",
            "an enclosed yard",
            "a bird sings",
            "beautiful",
            "handheld",
            "full of joy",
            "a long walk home",
        ),
        *("staying close to the wall", "disclosed", "midnight", "trackless", "固定", "山中景色", "靠近镜头", "", "7"),
        "x" * 100_000,
    ],
)
def test_words_that_name_no_distance_are_none(text: str) -> None:
    assert read_camera(text) is None
