"""In words: what comes again may be cut or written otherwise, and no word, number or name of the request is broken."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from worker.engine.repetition import FEWEST_GLUED, MAX_PENALTY, NAME_PENALTY, Repetition
from worker.engine.words import KnownWords

Cut = Callable[[str], list[str]]


def by_word(text: str) -> list[str]:
    """As most vocabularies do: a blank belongs to the word behind it, and marks are alone."""
    return re.findall(r" ?\w+| ?[^\w\s]|\s", text)


def in_halves(text: str) -> list[str]:
    """Words of more tokens than one."""
    return [part for word in by_word(text) for part in (word[:3], word[3:]) if part]


def in_letters(text: str) -> list[str]:
    return [*text]


class Cutter:
    """A vocabulary that grows with what is cut."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def token(self, piece: str | bytes) -> int:
        piece = piece.encode() if isinstance(piece, str) else piece
        if piece not in self._pieces:
            self._pieces.append(piece)
        return self._pieces.index(piece)

    def bytes_of(self, token: int) -> bytes:
        return self._pieces[token]

    def beginnings(self, word: str) -> list[int]:
        return [self.token(blank + case) for blank in ("", " ") for case in (word, word.upper())]


def penalised(first: str, again: str, *, known: str = "", cut: Cut = by_word) -> dict[str, list[str]]:
    """What was written of another string that says `first` again, and the tokens that are penalised there."""
    cutter = Cutter()
    repetition = Repetition(cutter.bytes_of, cutter.beginnings, KnownWords(known))
    for piece in cut(first):
        repetition.note(cutter.token(piece))
    repetition.note(None)
    found, so_far = {}, ""
    for piece in cut(again):
        so_far += piece
        repetition.note(cutter.token(piece))
        if penalties := repetition.penalties():
            found[so_far] = sorted(cutter.bytes_of(token).decode() for token in penalties)
    return found


SENTENCE = "a girl in a red raincoat stands there alone"


@pytest.mark.parametrize("cut", [by_word, in_halves, in_letters])
def test_only_the_beginning_of_a_word_is_penalised(cut: Cut) -> None:
    """However words are cut, the text before each penalised token is whole words."""
    found = penalised(SENTENCE, SENTENCE, cut=cut)

    assert {before.rstrip() for before in found} == {
        "a girl in a red",
        "a girl in a red raincoat",
        "a girl in a red raincoat stands",
        "a girl in a red raincoat stands there",
    }


@pytest.mark.parametrize(
    "text",
    [
        "she drinks one big glass of Coca-Cola",
        "the price of the small phone is 3.99",
        "the last of all trains leaves at 10:45",
        "it is the very last day of O'Brien",
        "the last of the old trains: R2-D2",
        "एक छोटी लड़की लाल रेनकोट में खड़ी है",
        "한 소녀가 빨간 비옷을 입고 서 있다",
    ],
)
def test_a_word_or_a_number_that_was_begun_is_never_broken(text: str) -> None:
    found = penalised(text, text, cut=in_halves)

    assert found
    for before, tokens in found.items():
        assert before.endswith(" ") or not re.match(r"\w", text[len(before) :])
        assert before.endswith(" ") or all(token.startswith(" ") or len(token) >= FEWEST_GLUED for token in tokens)


@pytest.mark.parametrize(
    "again",
    [
        "A girl in a red raincoat stands",
        "a GIRL in a Red raincoat stands",
        "“a girl in a red” raincoat stands",
        '"a girl in a red" raincoat, stands',
        "ａ ｇｉｒｌ in a red raincoat stands",
    ],
)
def test_another_case_or_kind_of_quotes_is_the_same_phrase(again: str) -> None:
    found = penalised(SENTENCE, again)

    assert " raincoat" in [token for tokens in found.values() for token in tokens]


def test_no_other_spelling_of_the_word_is_left_as_the_way_out() -> None:
    """Another case, or glued to the word before: "redraincoat"."""
    found = penalised(SENTENCE, "a girl in a red")

    assert found == {"a girl in a red": [" RAINCOAT", " raincoat", "RAINCOAT", "raincoat"]}


def test_the_end_of_a_word_is_no_word_that_is_glued_to_it() -> None:
    found = penalised("we see one of a girl so far", "we see one of a girl")

    assert found == {"we see one of a": [" GIRL", " girl", "GIRL", "girl"], "we see one of a girl": [" SO", " so"]}


def test_marks_and_quotes_cost_nothing() -> None:
    text = 'she says to all of them: "now", "then", “here”!'
    found = penalised(text, text)

    assert found
    assert not [token for tokens in found.values() for token in tokens if not re.search(r"\w", token)]


@pytest.mark.parametrize("cut", [by_word, in_halves])
@pytest.mark.parametrize(
    ("known", "text", "free"),
    [
        ("the lighthouse of Brindlemoor", "we see one last time the lighthouse of brindlemoor again", "brindlemoor"),
        ("Brindlemoor", "this is the very old Brindlemoor's only lamp", "Brindlemoor"),
        ("Nimbus X2!", "she puts on the new Nimbus X2 now", "X2"),
        ("COCA-COLA", "they drink a glass of Coca-Cola now", "Coca"),
        ("ＢＡＲＢＡＴＥ", "the last of the fishers of Barbate sings", "Barbate"),
    ],
)
def test_words_of_the_request_may_come_again(known: str, text: str, free: str, cut: Cut) -> None:
    before = text[: text.index(free)].rstrip()

    assert before in penalised(text, text, cut=cut)
    assert before not in penalised(text, text, known=known, cut=cut)


@pytest.mark.parametrize(
    ("known", "free"), [("", ["阿布"]), ("茶农阿布在采茶", []), ("阿布", []), ("布", ["阿布"]), ("阿 布", ["阿布"])]
)
def test_chinese_words_of_the_request_are_known_wherever_they_are_cut(known: str, free: list[str]) -> None:
    pieces = ["清晨", "雾里", "山上", "茶园", "旁边", "，", "阿布", "采茶"]
    found = penalised("/".join(pieces), "/".join(pieces), known=known, cut=lambda text: text.split("/"))

    assert sorted({token for tokens in found.values() for token in tokens} & {"阿布"}) == free


def test_a_chinese_word_of_one_character_is_only_penalised_where_a_phrase_begins() -> None:
    """What stands before it might be the rest of its word."""
    pieces = ["一个", "穿", "红色", "雨", "衣", "的", "小", "女孩", "，", "她", "笑", "。", "他", "来"]
    found = penalised("/".join(pieces), "/".join(pieces), cut=lambda text: text.split("/"))

    assert {before: {token.strip() for token in tokens} for before, tokens in found.items()} == {
        "一个穿红色雨衣的小": {"女孩"},
        "一个穿红色雨衣的小女孩，": {"她"},
        "一个穿红色雨衣的小女孩，她笑。": {"他"},
    }


def test_words_of_a_title_may_come_again() -> None:
    cutter = Cutter()
    repetition = Repetition(cutter.bytes_of)
    for piece in by_word("the keeper of Brindlemoor"):
        repetition.note(cutter.token(piece), free=True)
    repetition.note(None)
    sentence = by_word("we now see the old keeper Brindlemoor again")
    for piece in sentence:
        repetition.note(cutter.token(piece))
    repetition.note(None)
    found = []
    for piece in sentence:
        repetition.note(cutter.token(piece))
        found += [cutter.bytes_of(token).decode() for token in repetition.penalties()]

    assert found == [" again"]


def test_a_character_in_pieces_is_no_place_for_a_penalty() -> None:
    cutter = Cutter()
    repetition = Repetition(cutter.bytes_of)
    accent = "é".encode()
    begun = [f" {word}".encode() for word in ("a", "b", "c", "d", "e")]
    for ending in ([b" f"], [b" ", accent[:1], accent[1:]]):
        for piece in begun + ending:
            repetition.note(cutter.token(piece))
        repetition.note(None)
    for piece in begun:
        repetition.note(cutter.token(piece))

    assert list(repetition.penalties()) == [cutter.token(" f")], "a piece of a character is a piece of many"
    repetition.note(cutter.token(" "))
    assert repetition.penalties()
    repetition.note(cutter.token(accent[:1]))
    assert not repetition.penalties()


def test_a_word_of_the_request_that_comes_again_in_one_string_costs_as_much_as_a_name() -> None:
    text = "round and round the wheel of the mill goes on, " * 5
    cutter = Cutter()
    most = {}
    for which in ("mill", ""):
        repetition = Repetition(cutter.bytes_of, known=KnownWords(which))
        costs = []
        for piece in by_word(text):
            costs.append(repetition.penalties().get(cutter.token(" mill"), 0.0))
            repetition.note(cutter.token(piece))
        most[which] = max(costs)

    assert most == {"mill": NAME_PENALTY, "": MAX_PENALTY}


@pytest.mark.parametrize("marks", ["...", "…", " – ", "//"])
def test_more_marks_than_one_end_a_word(marks: str) -> None:
    text = f"we see one of the girls{marks}alone now"

    found = penalised(text, text)

    assert " ALONE" in found["we see one of the girls"]
    assert "alone" in found[f"we see one of the girls{marks.rstrip()}"]


def test_a_word_that_began_within_a_token_is_known_by_its_other_beginnings() -> None:
    pieces = ["we", " see", " one", " of", " the(girl", " here"]
    again = ["we", " see", " one", " of", " the", "(", "girl"]
    cuts = iter((pieces, again))

    found = penalised("", "", cut=lambda _: next(cuts))

    assert found["we see one of the("] == [" GIRL", " girl", "GIRL", "girl"]
