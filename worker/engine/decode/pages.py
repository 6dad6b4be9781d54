"""Pages of the KV cache: who reads which, which are free, and which full ones hold the beginning of what text.

Knows page numbers and token ids; not the memory, and not texts. A page is written by the one text that took it, and
read by others only once it is full and named: its name stands for its tokens and all before them.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from hashlib import blake2b

from worker.engine.batching import NoRoom

_BYTES = 16
LATELY = 64  # texts: so long a page that one began with is kept for the next
AT_FIRST = 4  # so long those of a text that began like no other: until a second one of its language comes
START = b""  # the name before the first page

PageName = bytes


class PagePool:
    """`count` pages of `page_tokens` tokens. A free page keeps its name until it is taken: those without a name
    first, then the longest free.

    `in_a_row`: a text that begins gets pages that follow one another where there are such, the first ones in memory;
    what it would have shared is to be copied into them (`copies`), from the first page of a pair to the second.
    """

    def __init__(self, count: int, page_tokens: int, *, in_a_row: bool = False) -> None:
        self.copies: list[tuple[int, int]] = []
        self._in_a_row = in_a_row
        self._begins = 0
        self._lent: dict[int, int] = {}  # which page was copied for which begin
        self.page_tokens = page_tokens
        self._readers = [0] * count
        self._names: list[PageName | None] = [None] * count
        self._named: dict[PageName, int] = {}
        self._blank = [*range(count - 1, -1, -1)]  # free, and nameless: the last is taken first
        self._free: dict[int, None] = {}  # the others, in the order in which they are taken

    @property
    def free(self) -> int:
        return len(self._blank) + len(self._free)

    def begin(self, tokens: Sequence[int], count: int) -> tuple[list[int], list[PageName]]:
        """`count` pages for a text, and the names of the first of them, which hold its `tokens` already. Raises
        `NoRoom` and takes none."""
        names = self._known(tokens)[:count]
        shared = [self._named[name] for name in names]
        if self._in_a_row:
            self._begins += 1
            self._lent |= dict.fromkeys(shared, self._begins)
            if (first := self._run(count)) is not None:
                pages = self._take_run(first, count, shared)
                if not shared:
                    alike = pages[: len(tokens) // self.page_tokens]
                    self._lent |= dict.fromkeys(alike, self._begins - LATELY + AT_FIRST)
                return pages, names
        for page in shared:
            self._readers[page] += 1
            self._free.pop(page, None)
        try:
            return shared + self.take(count - len(shared)), names
        except NoRoom:
            self.release(shared)
            raise

    def _take_run(self, first: int, count: int, shared: list[int]) -> list[int]:
        pages = [*range(first, first + count)]
        chosen = {*pages}
        self._blank = [page for page in self._blank if page not in chosen]
        for page in pages:
            if page in self._free:
                del self._free[page]
                self._unname(page)
            self._readers[page] = 1
        self.copies += zip(shared, pages, strict=False)
        return pages

    def _run(self, count: int) -> int | None:
        """The first of so many free neighbours, of which no text began lately with any."""
        length = 0
        for page, readers in enumerate(self._readers):
            lately = self._begins - self._lent.get(page, -LATELY) < LATELY
            length = 0 if readers or lately else length + 1
            if length == count:
                return page - count + 1
        return None

    def take(self, count: int) -> list[int]:
        """Pages to write. Raises `NoRoom` and takes none."""
        if count > self.free:
            raise NoRoom(f"{count} pages are wanted and {self.free} free")
        taken = [self._blank.pop() if self._blank else self._oldest() for _ in range(count)]
        for page in taken:
            self._readers[page] = 1
        return taken

    def release(self, pages: Sequence[int]) -> None:
        """A text reads its pages no more. The last are taken again first: more texts begin alike than go on alike."""
        for page in reversed(pages):
            self._readers[page] -= 1
            if self._readers[page] == 0:
                if self._names[page] is None:
                    self._blank.append(page)
                else:
                    self._free[page] = None

    def name(self, page: int, before: PageName, tokens: Sequence[int]) -> PageName:
        """The page is full of these tokens, after those that `before` stands for, and is never written again. Its name;
        another page may have it already, and keeps it."""
        name = _name(before, tokens)
        if self._named.setdefault(name, page) == page:
            self._names[page] = name
        return name

    def forget(self) -> None:
        """No text that begins from now on finds a page."""
        self._named.clear()
        self._names = [None] * len(self._names)
        self._blank += self._free
        self._free.clear()

    def _known(self, tokens: Sequence[int]) -> list[PageName]:
        names: list[PageName] = []
        for end in range(self.page_tokens, len(tokens) + 1, self.page_tokens):
            name = _name(names[-1] if names else START, tokens[end - self.page_tokens : end])
            if name not in self._named:
                break
            names.append(name)
        return names

    def _oldest(self) -> int:
        page = next(iter(self._free))
        del self._free[page]
        self._unname(page)
        return page

    def _unname(self, page: int) -> None:
        name = self._names[page]
        assert name is not None
        del self._named[name]
        self._names[page] = None


def _name(before: PageName, tokens: Sequence[int]) -> PageName:
    """A hash that nobody finds a second text for: a page of another's text would be read as one's own."""
    return blake2b(before + array("i", tokens).tobytes(), digest_size=_BYTES).digest()
