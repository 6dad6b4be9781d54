"""One text as it grows: the grammar's matcher, the scanner and the budget move together, token by token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from shared.errors import EngineBroken
from worker.engine.beginnings import Beginnings
from worker.engine.closing import COMFORTABLE, Closing
from worker.engine.distinct import MOST_DRAFTS, Distinct
from worker.engine.repetition import FREE_WORDS, Repetition
from worker.engine.request import Draft, Finish, GenerationRequest, SamplingParams, TextState
from worker.engine.scanner import Scanner
from worker.engine.speech import SpeechBound, TextPlace
from worker.engine.time_left import TimeLeft
from worker.engine.vocabulary import Mask, Vocabulary
from worker.engine.words import KnownWords

STRICT_WORDS = 2  # of a phrase that may come again in a scene that is written anew
TOKENS_A_SAMPLED = 3  # in a text that is being closed, at most two tokens are forced for each sampled one


class Text:
    """`room_tokens` is what the context leaves for the text; `time_left`, what its time does (None: all that it takes).
    Tokens that `generated_ids` resumes are replayed.

    `dropped` is a scene at its end that repeats another or itself, or the end of a spoken string that was cut: the text
    goes on as `written_anew`."""

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
        self.sampled_tokens = 0  # those of dropped scenes among them
        self.scenes_done = 0  # those that stand
        self.dropped: Draft | None = None
        self.finite = True  # false: the model's scores for its next token were no numbers
        speech = request.layout.speech
        self.scanner = Scanner([key for key, _ in speech.keys], speech.seconds) if speech else Scanner()
        self.speech = SpeechBound(vocabulary, self.scanner, speech) if speech else None
        self.closing = Closing(vocabulary, self.scanner, request.layout, request.min_scenes, request.kept)
        self.beginnings = Beginnings(vocabulary, self.scanner, request.layout.refused)
        seen = request.layout.seen
        self.distinct = Distinct(vocabulary, self.scanner, seen, request.earlier) if seen else None
        self.drafts = request.drafts
        self._drafts_due = [*reversed(request.drafts)]  # not reached yet
        self._draft_tokens = self._draft_sampled = 0  # of the others
        self._sampled_before = self._loops = 0  # what comes before the scenes, and loops before this one
        self._replaying = True
        self.vocabulary = vocabulary
        self._request = request
        self.repetition = self._rule()
        self._strict = self._rule(STRICT_WORDS) if request.drafts else None
        self.matcher = vocabulary.matcher(request.schema, request.outline)
        self._max_new_tokens = request.max_new_tokens
        self._time_left = time_left or TimeLeft()
        self._room_tokens = room_tokens
        self._force = force
        self._force_limit = force_limit
        self._due: list[int] = []  # forced tokens that did not fit into one step
        self._replay(request.generated_ids)
        self._replaying = False
        self._append_forced(self._forced())  # however many: they are read with the prompt
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

    @property
    def position(self) -> int:
        """Of the next token among all that were ever written: noise is drawn by it, and dropped scenes had theirs."""
        return len(self.tokens) + self._draft_tokens

    @property
    def sampling(self) -> SamplingParams:
        """Of the next token."""
        wished = self._request.sampling
        return self.distinct.sampling(wished) if self.distinct else wished

    def penalties(self) -> dict[int, float]:
        """What to take from the scores of the next token."""
        rule = self._strict if self._strict and self.distinct and self.distinct.drafts_here else self.repetition
        penalties = rule.penalties()
        for own in (self.distinct.penalties() if self.distinct else None, self.beginnings.penalties()):
            penalties = penalties | own if own else penalties
        return penalties

    def accept(self, token: int) -> list[int]:
        """Append the token that the model chose and whatever the grammar forces after it; all of them. Where that token
        would say more than a scene can, the string ends instead of it."""
        if self.speech and self.speech.is_beyond(token):
            self.speech.cut(token)
            token = self.vocabulary.quote
        self._time_left.note()
        self._sample(token)
        return [token] if self.complete else [token, *self.force()]

    def force(self) -> list[int]:
        """Append what the grammar forces here; at most `force_limit` tokens, the rest falls due next time."""
        forced = self._forced()
        forced, self._due = forced[: self._force_limit], forced[self._force_limit :]
        self._append_forced(forced)
        return forced

    def rewound(self, tokens: int) -> Text:
        """A text that goes on from the first `tokens` tokens of this one, as if it had never had others."""
        assert 0 <= tokens <= len(self.tokens)
        return self._from(tokens, tuple(draft for draft in self.drafts if draft.at <= tokens))

    def written_anew(self) -> Text:
        """A text that goes on from before what was `dropped`, and remembers it; with it goes what was dropped in it."""
        dropped = self.dropped
        assert dropped
        within = sum(draft.tokens for draft in self.drafts if draft.at > dropped.at)
        kept = (draft for draft in self.drafts if draft.at <= dropped.at)
        at, tokens, sampled, first, why = dropped
        return self._from(at, (*kept, Draft(at, tokens + within, sampled, first, why)))

    def snapshot(self) -> TextState:
        """May be called while another thread lets the text grow: a scene is judged before its end is in `tokens`."""
        tokens, dropped = tuple(self.tokens), self.dropped
        if dropped:
            tokens = tokens[: dropped.at]
        return TextState(True, tokens, self.sampled_tokens, self.scenes_done, self.drafts)

    def _from(self, tokens: int, drafts: tuple[Draft, ...]) -> Text:
        request = replace(self._request, generated_ids=tuple(self.tokens[:tokens]), drafts=drafts)
        room, force, limit = self._room_tokens, self._force, self._force_limit
        return Text(self.vocabulary, request, room, force=force, force_limit=limit, time_left=self._time_left)

    def _rule(self, free_words: int = FREE_WORDS) -> Repetition:
        known = KnownWords(self._request.own_words)
        return Repetition(self.vocabulary.bytes_of, self.vocabulary.beginnings, known, free_words)

    def _append_forced(self, tokens: list[int]) -> None:
        if tokens:
            self._append(tokens)
            self._note(None)
            self._follow()

    def _sample(self, token: int) -> None:
        if self._due and self._due[0] == token:  # as where it is replayed: it is no word of the model's
            self._append_forced([self._due.pop(0)])
            return
        self.sampled_tokens += 1
        if self.distinct and self.distinct.at_opening:
            self.distinct.begin(len(self.tokens), self.sampled_tokens - 1)
        scanner, place = self.scanner, self.scanner.place
        self._append([token])
        if not scanner.in_list:
            self._sampled_before = self.sampled_tokens
        self.closing.note(token, self.tokens_left, self._time_left.tokens_left)
        is_inside = scanner.in_value and scanner.place == place
        self._note(token if is_inside else None, free=not scanner.in_scene)

    def _note(self, token: int | None, *, free: bool = False) -> None:
        self.repetition.note(token, free=free)
        if self._strict:
            self._strict.note(token, free=free)

    def _follow(self) -> None:
        self.closing.follow(self.tokens_left, self._time_left.tokens_left)

    def _append(self, tokens: list[int]) -> None:
        if not self.matcher.consume_tokens(tokens):
            raise EngineBroken(f"the grammar refused one of the tokens {tokens}: {self.matcher.get_error()}")
        for token in tokens:
            self.scanner.feed(self.vocabulary.bytes_of(token))
            if self.speech:
                self.speech.follow(TextPlace(len(self.tokens) + 1, self.sampled_tokens))
                self._end_speech()
            if self.scanner.scenes_done > self.scenes_done:
                self._end_scene()
            self.tokens.append(token)
            if self._drafts_due:
                self._reach_drafts()

    def _end_speech(self) -> None:
        """A spoken string that was cut ends earlier instead."""
        assert self.speech
        place = self.speech.better_end()
        if place and not (self.dropped or self._replaying or self.closing.engaged):
            tokens, sampled = len(self.tokens) + 1 - place.tokens, self.sampled_tokens - place.sampled_tokens
            self.dropped = Draft(place.tokens, tokens, sampled, "", "speech")

    def _end_scene(self) -> None:
        """At most one ends with a token. One that is dropped is never seen in a snapshot."""
        if self.distinct and not self.dropped:
            scene = self.scanner.scenes[-1]
            if self._may_drop():
                went_round = self.closing.loops_stopped > self._loops
                self.dropped = self.distinct.draft(scene, len(self.tokens) + 1, self.sampled_tokens, went_round)
            if not self.dropped:
                self.distinct.keep(scene)
                self._loops = self.closing.loops_stopped
        if not self.dropped:
            self.scenes_done = self.scanner.scenes_done

    def _may_drop(self) -> bool:
        """Whether the scene that ends may be written anew, and all that must come after it as long as those so far."""
        assert self.distinct
        done, kept = self.scanner.scenes_done, self._request.kept
        if self._replaying or self.distinct.drafts_here >= MOST_DRAFTS or self.closing.engaged or done - 1 in kept:
            return False
        written = done - sum(place < done for place in kept)
        usual = (self.sampled_tokens - self._sampled_before - self._draft_sampled) / written
        scenes_left = self._request.min_scenes - (done - 1) - sum(place >= done for place in kept)
        least = COMFORTABLE * self._request.layout.min_tokens
        return min(self.tokens_left, self._time_left.tokens_left) > max(1, scenes_left) * max(usual, least)

    def _reach_drafts(self) -> None:
        """What was written from here on and dropped."""
        while self._drafts_due and self._drafts_due[-1].at == len(self.tokens):
            draft = self._drafts_due.pop()
            self._draft_tokens += draft.tokens
            self._draft_sampled += draft.sampled_tokens
            self.sampled_tokens += draft.sampled_tokens
            if draft.why == "speech":
                assert self.speech
                self.speech.end()
            else:
                assert self.distinct
                self.distinct.drop(draft)

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
                self._note(None)
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
