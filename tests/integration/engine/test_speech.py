"""What is spoken in a scene is never longer than the scene can say, whichever tokens come; and no word is cut."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.catalogue import QWEN_CODER
from models.load import load_tokenizer
from scriptqueue.further_fields import fields_named
from scriptqueue.scene_fields import Fields
from shared.board.likeness import SEEN
from shared.board.speaking import WORD_LETTERS, fits_in
from tests.integration.engine.conftest import GREEDY, MakeRequest, engine_of, together
from tests.integration.engine.walks import drawn
from worker.engine.layout import SeenLayout
from worker.engine.request import GenerationRequest, SamplingParams
from worker.engine.text import Text, fill_masks
from worker.engine.vocabulary import Vocabulary

NARRATED = fields_named(["narration", "sound"])
LONGEST = 8  # characters of a token
TWO_VOICES: Fields = tuple(replace(field, spoken=field.spoken or field.name == "sound") for field in NARRATED)


@pytest.fixture(scope="module")
def vocabulary(loaded: Any) -> Vocabulary:
    return Vocabulary(loaded.tokenizer, loaded.model.config.vocab_size, loaded.eos_token_ids)


def text_of(vocabulary: Vocabulary, request: GenerationRequest) -> Text:
    return Text(vocabulary, request, room_tokens=9000, force=True, force_limit=64)


def walk(vocabulary: Vocabulary, request: GenerationRequest, commas: float = 0.0) -> Iterator[Text]:
    """A text at each of its tokens, drawn from what is allowed; it seldom ends a spoken string by itself. `commas`: how
    often one comes in it."""
    text, draw = text_of(vocabulary, request), random.Random(request.sampling.seed)
    mask, comma = np.zeros(vocabulary.words, dtype=np.int32), vocabulary._bytes.index(b",")
    while not text.complete:
        fill_masks([text], mask[None])
        more = mask & ~vocabulary.closes
        token = drawn(draw, more if text.scanner.in_speech and more.any() else mask, vocabulary)
        may_be_comma = text.scanner.in_speech and mask[comma // 32] >> (comma % 32) & 1
        text.accept(comma if may_be_comma and commas and draw.random() < commas else token)
        if text.dropped:
            text = text.written_anew()
        yield text


def check(text: Text, fields: Fields) -> int:
    """How many of its scenes came near their bound."""
    near = 0
    for scene in json.loads(b"".join(map(text.vocabulary.bytes_of, text.tokens)))["scenes"]:
        words = "\n".join(scene[field.name] for field in fields if field.spoken)
        assert fits_in(words, scene["duration"]), scene
        near += not fits_in(f"{words} 一二", scene["duration"])
    return near


@pytest.mark.parametrize("options", [{}, {"target_duration_s": 17.5}, {"targets": ["veo-3.1"]}], ids=str)
@pytest.mark.parametrize("fields", [NARRATED, TWO_VOICES], ids=["one voice", "two voices"])
def test_no_walk_says_more_than_its_scenes_can(
    vocabulary: Vocabulary, ask: MakeRequest, fields: Fields, options: dict[str, Any]
) -> None:
    near = 0
    for seed in range(10):
        sampling = replace(GREEDY, seed=seed)
        *_, text = walk(vocabulary, ask("x", sampling, max_new_tokens=2000, table=fields, max_scenes=4, **options))
        near += check(text, fields)
    assert near > 6, "the walks did not come near the bound"


@pytest.mark.slow
def test_no_walk_through_a_real_vocabulary_says_more_than_its_scenes_can(ask: MakeRequest) -> None:
    tokenizer = load_tokenizer(QWEN_CODER.name).tokenizer
    real = Vocabulary(tokenizer, len(tokenizer), (tokenizer.eos_token_id,))
    for seed in range(4):
        sampling = replace(GREEDY, seed=seed)
        *_, text = walk(real, ask("x", sampling, max_new_tokens=2000, table=TWO_VOICES, max_scenes=4))
        check(text, TWO_VOICES)


def test_a_word_that_has_begun_may_go_on(vocabulary: Vocabulary, ask: MakeRequest) -> None:
    pieces = [t for t in range(vocabulary.size) if vocabulary.bytes_of(t).isalpha() and len(vocabulary.bytes_of(t)) < 8]
    letters = vocabulary._class(token in {*pieces} for token in range(vocabulary.size))
    seen = ended = 0
    for seed in range(12):
        request = ask("x", replace(GREEDY, seed=seed), max_new_tokens=2000, table=NARRATED, max_scenes=3)
        for text in walk(vocabulary, request):
            speech, mask = text.speech, np.full(vocabulary.words, -1, dtype=np.int32)
            assert speech
            speech.narrow(mask)
            if (
                text.scanner.in_speech
                and not speech._ends_here
                and 0 < speech._letters <= WORD_LETTERS - LONGEST
                and speech._in_word()
            ):
                seen += 1
                ended += speech.is_beyond(vocabulary._bytes.index("咖啡".encode()))
                assert ((mask & letters) == letters).all()
                assert not any(map(speech.is_beyond, pieces))
    assert seen > 20
    assert ended, "no word stood at the bound"


@pytest.mark.parametrize(
    ("begun", "allowed", "refused"),
    [
        ("一二三四五六七八九十一", ["雨", "。"], ["a", "咖啡"]),  # 12 characters in 3 s
        ("one two three four five six", ["s", '"', ".", " "], []),
        ("one two three four five six. ", ['"'], ["a", "雨"]),  # another sentence could not be finished
    ],
)
def test_what_is_left_decides_what_may_come(
    vocabulary: Vocabulary, ask: MakeRequest, loaded: Any, begun: str, allowed: list[str], refused: list[str]
) -> None:
    text = begun_with(vocabulary, ask, begun)
    mask = np.zeros(vocabulary.words, dtype=np.int32)
    fill_masks([text], mask[None])

    first = {word: loaded.tokenizer.encode(word) for word in (*allowed, *refused)}
    may = {word for word, ids in first.items() if mask[ids[0] // 32] >> (ids[0] % 32) & 1}
    assert may == {*allowed}


@pytest.mark.parametrize(
    ("begun", "chosen", "accepted"),
    [
        ("one two three four five six seven", " the", '"'),  # which wants the word to end, and another to begin
        ("一二三四五六七八九十一二", "雨", '"'),
        ("一二三四五六七八九十一二", "，", '"'),
        ("一二三四五六七八九十一二", '"', '"'),
        ("one two three four five six seven ", "雨", '"'),  # 7 words
        ("one two three four five six seven ", ".", "."),
        ("one two three four five six seven", "s", "s"),
        ("one two three four five six seven", ".", "."),
        ("one two three four five six", " the", " the"),
    ],
)
def test_a_word_beyond_the_bound_ends_the_text_and_is_not_glued_to_the_last(
    vocabulary: Vocabulary, ask: MakeRequest, loaded: Any, begun: str, chosen: str, accepted: str
) -> None:
    text = begun_with(vocabulary, ask, begun)
    token, *_ = loaded.tokenizer.encode(chosen)

    assert vocabulary.bytes_of(text.accept(token)[0]).decode() == accepted
    assert text.rewound(len(text.tokens)).tokens == text.tokens


@pytest.mark.parametrize(
    ("begun", "chosen", "ended"),
    [
        ("One two three four, five six seven", " the", "One two three four."),
        ("One two three. Four five six seven", " the", "One two three."),
        ("一二三四五六，八九十一二", "雨", "一二三四五六。"),
        ("One, two three four five six seven", " the", "One, two three four five six seven"),  # too little would stay
        ("One two 3,000 four five six", " the", "One two 3,000 four five six"),
        ("One two three four, five six seven", '"', "One two three four, five six seven"),  # as the model wants it
        ("一二三四五六，八九十一二", "。", "一二三四五六，八九十一二"),  # a sentence, but for its mark
    ],
)
def test_a_text_that_is_cut_ends_with_its_last_sentence_or_clause(
    vocabulary: Vocabulary, ask: MakeRequest, loaded: Any, begun: str, chosen: str, ended: str
) -> None:
    text = begun_with(vocabulary, ask, begun)
    token, *_ = loaded.tokenizer.encode(chosen)

    text.accept(token)
    while text.dropped or not text.scanner.scenes:
        text = text.written_anew() if text.dropped else text
        mask = np.zeros(vocabulary.words, dtype=np.int32)
        fill_masks([text], mask[None])
        preferred = loaded.tokenizer.encode("。" if "一" in begun else ".")[0]
        text.accept(preferred if mask[preferred // 32] >> (preferred % 32) & 1 else vocabulary.quote)

    assert json.loads(text.scanner.scenes[0])["narration"] == ended
    again = text.rewound(len(text.tokens))
    assert (again.tokens, again.drafts, again.position) == (text.tokens, text.drafts, text.position)


def test_what_a_text_went_back_from_is_counted_and_never_drawn_again(vocabulary: Vocabulary, ask: MakeRequest) -> None:
    """With scenes that are written anew besides, and when it is resumed."""
    again = SeenLayout(SEEN, lambda one, other: len(one) % 2 == len(other) % 2)
    kinds: set[str] = set()
    for seed in range(4):
        request = ask("x", replace(GREEDY, seed=seed), max_new_tokens=3000, table=NARRATED, min_scenes=2, max_scenes=2)
        schema = json.loads(request.schema)
        for scene in schema["properties"]["scenes"]["prefixItems"]:
            for key in (*SEEN, "sound"):  # a wild text ends none of them itself
                scene["properties"][key] = {"type": "string", "pattern": "^[a-z]{1,4}$"}
        request = replace(request, schema=json.dumps(schema), layout=replace(request.layout, seen=again))
        places: list[tuple[int, int]] = []
        for text in walk(vocabulary, request, commas=0.2):
            places.append((text.position, text.sampled_tokens))
            other = text.rewound(len(text.tokens)) if text.drafts and len(places) % 9 == 0 else text
            assert (other.tokens, other.position, other.sampled_tokens) == (text.tokens, *places[-1])
        assert places == sorted(places)
        kinds |= {draft.why for draft in text.drafts}
    assert kinds == {"speech", "repeats"}


@pytest.mark.slow
def test_both_batchings_write_the_same_speech(loaded: Any, ask: MakeRequest) -> None:
    """Also where one has read ahead what the text did not take."""
    requests = [
        ask("x", SamplingParams(1.2, 1.0, seed), max_new_tokens=600, table=NARRATED, max_scenes=3) for seed in range(6)
    ]
    written = []
    for batching in ("transformers", "loop"):
        engine = engine_of(loaded.model, loaded, batching=batching)
        written.append(together(engine, requests))
        engine.stop()

    assert written[0] == written[1]


def begun_with(vocabulary: Vocabulary, ask: MakeRequest, narration: str) -> Text:
    """A text in the narration of its first scene, which lasts 3 s."""
    text = text_of(vocabulary, ask("x", table=fields_named(["narration"]), target_duration_s=9, max_new_tokens=500))
    start = (
        '{"title":"猫","scenes":[{"scene_number":1,"description":"雨","duration":3,"camera":"close up","action":"走",'
    )
    whole = f'{start}"narration":"{narration}'.encode()
    one_byte = {vocabulary.bytes_of(token): token for token in range(256)}
    while len(written := b"".join(map(vocabulary.bytes_of, text.tokens))) < len(whole):  # what is forced is skipped
        text.accept(one_byte[whole[len(written) : len(written) + 1]])
    return text
