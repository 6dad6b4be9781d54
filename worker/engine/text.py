"""One text as it grows: the grammar's matcher, the scanner and the budget move together, token by token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from shared.errors import EngineBroken
from worker.engine.closing import Closing
from worker.engine.repetition import Repetition
from worker.engine.request import Finish, GenerationRequest, TextState
from worker.engine.scanner import Scanner
from worker.engine.speech import SpeechBound
from worker.engine.time_left import TimeLeft
from worker.engine.vocabulary import Mask, Vocabulary
from worker.engine.words import KnownWords

TOKENS_A_SAMPLED = 3  # in a text that is being closed, at most two tokens are forced for each sampled one


class Text:
    """`room_tokens` is what the context leaves for the text; `time_left`, what its time does (None: all that it takes).
    Tokens that `generated_ids` resumes are replayed."""

    def __init__(  # noqa: PLR0913 - what a text is of, and all that bounds it
        self,
        vocabulary: Vocabulary,
        request: GenerationRequest,
        room_tokens: int,
        *,
        force: bool,
        force_limit: int,
        time_left: TimeLeft | None = None,
    ) -> None:
        self.tokens: list[int] = []
        self.sampled_tokens = 0
        self.finite = True  # false: the model's scores for its next token were no numbers
        speech = request.layout.speech
        self.scanner = Scanner([key for key, _ in speech.keys], speech.seconds) if speech else Scanner()
        self.speech = SpeechBound(vocabulary, self.scanner, speech) if speech else None
        self.closing = Closing(vocabulary, self.scanner, request.layout, request.min_scenes, request.kept)
        self.repetition = Repetition(vocabulary.bytes_of, vocabulary.beginnings, KnownWords(request.own_words))
        self.vocabulary = vocabulary
        self._request = request
        self.matcher = vocabulary.matcher(request.schema, request.outline)
        self._max_new_tokens = request.max_new_tokens
        self._time_left = time_left or TimeLeft()
        self._room_tokens = room_tokens
        self._force = force
        self._force_limit = force_limit
        self._due: list[int] = []  # forced tokens that did not fit into one step
        self._replay(request.generated_ids)
        self.force()
        self._follow()

    @property
    def complete(self) -> bool:
        return self.scanner.complete

    @property
    def ending(self) -> Finish:
        """Of a complete text."""
        return "closed_early" if self.closing.cut else "complete"

    @property
    def hurried(self) -> bool:
        """Whether its time made it shorter."""
        return self.closing.cut and self.closing.hurried

    @property
    def tokens_left(self) -> int:
        """How many tokens may still be sampled; time is another matter."""
        room = (self._room_tokens - len(self.tokens)) // TOKENS_A_SAMPLED
        return min(self._max_new_tokens - self.sampled_tokens, room)

    def accept(self, token: int) -> list[int]:
        """Append the token that the model chose and whatever the grammar forces after it; all of them. Where that token
        would say more than a scene can, the string ends instead of it."""
        if self.speech and self.speech.is_beyond(token):
            token = self.vocabulary.quote
        self._time_left.note()
        self._sample(token)
        return [token] if self.complete else [token, *self.force()]

    def force(self) -> list[int]:
        """Append what the grammar forces here; at most `force_limit` tokens, the rest falls due next time."""
        forced, self._due = self._forced(), []
        if forced:
            forced, self._due = forced[: self._force_limit], forced[self._force_limit :]
            self._append(forced)
            self.repetition.note(None)
            self._follow()
        return forced

    def rewound(self, tokens: int) -> Text:
        """A text that goes on from the first `tokens` tokens of this one, as if it had never had others."""
        assert 0 <= tokens <= len(self.tokens)
        request = replace(self._request, generated_ids=tuple(self.tokens[:tokens]))
        room, force, limit = self._room_tokens, self._force, self._force_limit
        return Text(self.vocabulary, request, room, force=force, force_limit=limit, time_left=self._time_left)

    def snapshot(self) -> TextState:
        return TextState(True, tuple(self.tokens), self.sampled_tokens, self.scanner.scenes_done)

    def _sample(self, token: int) -> None:
        if self._due and self._due[0] == token:
            self._due.pop(0)
        else:
            self.sampled_tokens += 1
        scanner, place = self.scanner, self.scanner.place
        self._append([token])
        self.closing.note(token, self.tokens_left, self._time_left.tokens_left)
        is_inside = scanner.in_value and scanner.place == place
        self.repetition.note(token if is_inside else None, free=not scanner.in_scene)

    def _follow(self) -> None:
        self.closing.follow(self.tokens_left, self._time_left.tokens_left)

    def _append(self, tokens: list[int]) -> None:
        if not self.matcher.consume_tokens(tokens):
            raise EngineBroken(f"the grammar refused one of the tokens {tokens}: {self.matcher.get_error()}")
        self.tokens += tokens
        for token in tokens:
            self.scanner.feed(self.vocabulary.bytes_of(token))
            if self.speech:
                self.speech.follow()

    def _forced(self) -> list[int]:
        """What the grammar allows nothing else than."""
        forced: list[int] = self.matcher.compute_ff_tokens() if self._force else []
        return [token for token in forced if token not in self.vocabulary.eos_token_ids] if forced else forced

    def _replay(self, generated_ids: tuple[int, ...]) -> None:
        forced: list[int] = []
        for token in generated_ids:
            forced = forced or self._forced()
            if forced[:1] == [token]:
                forced.pop(0)
                self._append([token])
                self.repetition.note(None)
                if not forced:  # as `force` does: the next token is its string's first
                    self._follow()
            else:
                self._sample(token)


def fill_masks(texts: Sequence[Text], masks: Mask, rows: Sequence[int] | None = None) -> None:
    """Write which tokens may come next in each text into its row of `masks` [rows, words], contiguous memory; the first
    ones where none are named, and no others. The texts are of one vocabulary."""
    rows = range(len(texts)) if rows is None else rows
    if texts:
        texts[0].vocabulary.fill(((text.matcher, row) for text, row in zip(texts, rows, strict=True)), masks)
    for text, row in zip(texts, rows, strict=True):
        text.closing.narrow(masks[row])
        if text.speech:
            text.speech.narrow(masks[row])
