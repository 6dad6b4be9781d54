"""Which tokens a step reads: rows that go on from the device's own choice, and tokens that the host knows already.

Knows lengths, slots and pages; not the device, and nothing of how a token is chosen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from worker.engine.batching import NoRoom
from worker.engine.decode.pages import START, PageName, PagePool
from worker.engine.handle import Handle
from worker.engine.text import Text

CHOSEN = -1  # in an id's place: what the device chose last
RUN_TOKENS = 32  # as many known tokens are brought as rows; more are read as a chunk of a prompt
CHUNK_TOKENS = 512  # of prompts, in one step


@dataclass(eq=False, slots=True)
class Member:
    """A text in the batch. `ids`: its prompt and its tokens, of which the first `read` have their keys and values,
    or will have when what has been launched is done."""

    handle: Handle
    text: Text
    slot: int
    ids: list[int]
    room_tokens: int
    read: int = 0
    pages: list[int] = field(default_factory=list)
    names: list[PageName] = field(default_factory=list)  # of its full pages
    ahead: bool = False  # the token that is on its way for it will have been read when it is known
    wide: bool = False  # its last choice was not among the best candidates, and is made again
    here: bool = True


class Scored(NamedTuple):
    """A text-row: the scores for the token after `position` of a member."""

    member: Member
    position: int

    @property
    def counts(self) -> bool:
        """Whether the member has grown to this very position: it may have left, or been forced further."""
        return self.member.here and len(self.member.ids) == self.position + 1


class Chunk(NamedTuple):
    """Of a text, for its keys and values alone."""

    member: Member
    begin: int
    end: int


class TokenRows:
    """What one forward pass brings: for each token-row an id, the choice's row it comes from if the id is `CHOSEN`, its
    text's slot and its position; `last`: the token-row of each text-row, `scored`."""

    __slots__ = ("brought", "gone_on", "ids", "last", "positions", "scored", "slots", "source")

    def __init__(self, chosen: list[tuple[int, Member]]) -> None:
        """One more token of each of these, whatever the device chooses for it in that row of its choice."""
        self.source = [row for row, _ in chosen]
        self.gone_on = [member for _, member in chosen]
        self.brought: list[tuple[Member, int]] = []  # up to where
        self.ids = [CHOSEN] * len(chosen)
        self.slots = [member.slot for member in self.gone_on]
        self.positions = [len(member.ids) for member in self.gone_on]
        self.last = [*range(len(chosen))]
        self.scored = list(map(Scored, self.gone_on, self.positions))

    def bring(self, member: Member, most: int) -> None:
        """What a member knows and has not read, at most so many tokens; its scores if that is all."""
        begin, end = member.read, min(len(member.ids), member.read + most)
        self.ids += member.ids[begin:end]
        self.source += [0] * (end - begin)
        self.slots += [member.slot] * (end - begin)
        self.positions += range(begin, end)
        self.brought.append((member, end))
        if end == len(member.ids):
            self.last.append(len(self.ids) - 1)
            self.scored.append(Scored(member, end - 1))


class Schedule:
    """Of at most `rows` members, in steps of at most `step_tokens` token-rows."""

    def __init__(self, pool: PagePool, *, rows: int, step_tokens: int, context_tokens: int) -> None:
        self._pool = pool
        self._step_tokens = step_tokens
        self._context_tokens = context_tokens
        self._slots = [*range(rows - 1, -1, -1)]
        self._behind: dict[Member, None] = {}  # with tokens that have not been read, who waits longest first
        self._moved: dict[Member, None] = {}  # with other pages than before

    def join(self, handle: Handle, text: Text, room_tokens: int) -> Member:
        member = Member(handle, text, self._slots.pop(), [*handle.request.prompt_ids, *text.tokens], room_tokens)
        self._behind[member] = None
        return member

    def leave(self, member: Member) -> None:
        member.here = False
        self._behind.pop(member, None)
        self._moved.pop(member, None)
        self._pool.release(member.pages)
        self._slots.append(member.slot)

    def follow(self, member: Member, read: int) -> None:
        """Its first `read` tokens are read, or will be; it may have others now."""
        member.read = read
        self._name_pages(member)
        if read < len(member.ids):
            self._behind.setdefault(member)
        else:
            self._behind.pop(member, None)

    def moved(self) -> list[Member]:
        """Whose pages the device does not know yet."""
        moved, self._moved = [*self._moved], {}
        return moved

    def chunks(self) -> Iterator[Chunk]:
        """Of prompts, one step's. Each is to be launched before the next: a text may begin with the pages of the one
        before it. Raises `NoRoom`."""
        left = CHUNK_TOKENS
        for member in [*self._behind]:
            if left == 0:
                return
            if not member.pages:
                self._seat(member)
            unread = len(member.ids) - member.read
            if unread > RUN_TOKENS:
                chunk = Chunk(member, member.read, member.read + min(unread - 1, left))
                self._extend(member, chunk.end)
                yield chunk
                left -= chunk.end - chunk.begin
                self.follow(member, chunk.end)

    def token_rows(self, chosen: list[tuple[int, Member]]) -> TokenRows:
        """`chosen`: members with a choice on its way, and its row. Others bring what they know. Raises `NoRoom`."""
        rows = TokenRows([pair for pair in chosen if self._reaches(pair[1])])
        for member in self._behind:
            left = self._step_tokens - len(rows.ids)
            if left == 0:
                break
            if member.pages and len(member.ids) - member.read <= RUN_TOKENS:
                self._extend(member, len(member.ids))
                rows.bring(member, left)
        return rows

    def launched(self, rows: TokenRows) -> None:
        """The device will read them."""
        for member in rows.gone_on:
            member.ahead = True
        for member, end in rows.brought:
            self.follow(member, end)

    def _seat(self, member: Member) -> None:
        """All but its last token may be found: that one is read for its scores."""
        pages = -(-max(member.room_tokens, len(member.ids)) // self._pool.page_tokens)
        member.pages, member.names = self._pool.begin(member.ids[:-1], pages)
        member.read = len(member.names) * self._pool.page_tokens
        self._moved[member] = None

    def _reaches(self, member: Member) -> bool:
        """Whether there is a place for one token more than it has."""
        tokens = len(member.ids) + 1
        if tokens <= len(member.pages) * self._pool.page_tokens:
            return True
        if tokens > self._context_tokens:
            return False
        try:
            self._extend(member, tokens)
        except NoRoom:
            return False
        return True

    def _extend(self, member: Member, tokens: int) -> None:
        missing = -(-tokens // self._pool.page_tokens) - len(member.pages)
        if missing > 0:  # more was forced than room was reserved for
            member.pages += self._pool.take(missing)
            self._moved[member] = None

    def _name_pages(self, member: Member) -> None:
        """Full ones that are never written again: the last token may be, with another choice of what follows it."""
        size, names = self._pool.page_tokens, member.names
        while (len(names) + 1) * size <= min(member.read, len(member.ids) - 1):
            begin = len(names) * size
            before = names[-1] if names else START
            names.append(self._pool.name(member.pages[len(names)], before, member.ids[begin : begin + size]))
