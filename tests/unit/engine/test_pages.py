"""Pages of the KV cache against a simple model: what each holds, and who reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from worker.engine.batching import NoRoom
from worker.engine.decode.pages import START, PagePool

PAGES, SIZE = 12, 3

Ids = tuple[int, ...]


class Text:
    """A text that has written all of `ids` but, perhaps, the last."""

    def __init__(self, ids: Ids, pages: list[int], names: list[bytes]) -> None:
        self.ids, self.pages, self.names = ids, pages, names


class Pages(RuleBasedStateMachine):
    texts = Bundle("texts")
    in_a_row = False

    def __init__(self) -> None:
        super().__init__()
        self.pool = PagePool(PAGES, SIZE, in_a_row=self.in_a_row)
        self.running: list[Text] = []
        self.memory: dict[int, Ids] = {}  # of each page: all tokens up to the end of what is written there

    def write(self, text: Text, begin: int) -> None:
        for page, end in zip(text.pages, range(SIZE, len(text.ids) + SIZE, SIZE), strict=False):
            if end > begin:
                assert [page in other.pages for other in self.running].count(True) == 1, "two texts write one page"
                self.memory[page] = text.ids[:end]

    @rule(target=texts, ids=st.lists(st.integers(0, 1), min_size=1, max_size=14).map(tuple), more=st.integers(0, 2))
    def begin(self, ids: Ids, more: int) -> Text | None:
        count, free = -(-len(ids) // SIZE) + more, self.pool.free
        try:
            pages, names = self.pool.begin(ids[:-1], count)
        except NoRoom:
            assert self.pool.free == free
            return None
        assert len(pages) == count
        for begun, page in self.pool.copies:
            self.memory[page] = self.memory[begun]
        self.pool.copies.clear()
        for place, page in enumerate(pages[: len(names)], 1):  # what is shared is full, and equal from the start on
            assert self.memory[page] == ids[: place * SIZE]
            assert place * SIZE < len(ids)
        text = Text(ids, pages, names)
        self.running.append(text)
        self.write(text, len(names) * SIZE)
        return text

    @rule(text=texts, more=st.lists(st.integers(0, 1), min_size=1, max_size=5).map(tuple))
    def grow(self, text: Text | None, more: Ids) -> None:
        if text is None or text not in self.running:
            return
        ids = text.ids + more
        missing = max(0, -(-len(ids) // SIZE) - len(text.pages))
        if missing > self.pool.free:
            with pytest.raises(NoRoom):
                self.pool.take(missing)
            return
        text.pages += self.pool.take(missing)
        begin, text.ids = len(text.ids), ids
        self.write(text, begin)

    @rule(text=texts)
    def name(self, text: Text | None) -> None:
        if text is None or text not in self.running:
            return
        while (len(text.names) + 1) * SIZE < len(text.ids):
            begin = len(text.names) * SIZE
            before = text.names[-1] if text.names else START
            text.names.append(self.pool.name(text.pages[len(text.names)], before, text.ids[begin : begin + SIZE]))

    @rule(text=consumes(texts))
    def end(self, text: Text | None) -> None:
        if text is not None:
            self.running.remove(text)
            self.pool.release(text.pages)

    @rule()
    def forget(self) -> None:
        if not self.running:
            self.pool.forget()
            assert self.pool.begin((0, 0, 0, 1), 0) == ([], [])

    @invariant()
    def counts_are_right(self) -> None:
        readers = Counter(page for text in self.running for page in text.pages)
        assert self.pool._readers == [readers[page] for page in range(PAGES)]
        assert self.pool.free == PAGES - len(readers)
        assert {*self.pool._free, *self.pool._blank} == {*range(PAGES)} - {*readers}
        for text in self.running:  # nobody wrote over what a text has named
            for place, page in enumerate(text.pages[: len(text.names)], 1):
                assert self.memory[page] == text.ids[: place * SIZE]


Pages.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None, derandomize=True)
TestPages = Pages.TestCase


class PagesInARow(Pages):
    in_a_row = True


PagesInARow.TestCase.settings = Pages.TestCase.settings
TestPagesInARow = PagesInARow.TestCase


def test_pages_in_a_row_are_the_first_that_are_free_but_for_what_texts_begin_with() -> None:
    pool = PagePool(12, 2, in_a_row=True)
    template = [1, 2, 3, 4]
    filled(pool, template)
    first, _ = pool.begin([*template, 5], 3)
    assert (first, pool.copies) == ([2, 3, 4], [(0, 2), (1, 3)])
    pool.release(first)

    again, names = pool.begin([*template, 6], 3)
    longer, _ = pool.begin([*template, 7], 5)

    assert (again, len(names)) == ([2, 3, 4], 2)
    assert longer == [5, 6, 7, 8, 9]
    assert pool.begin([*template, 8], 3)[0][:2] == [0, 1]  # no such run is left: what can be is shared


def test_the_beginnings_of_two_languages_are_kept_when_they_come_in_turns() -> None:
    pool = PagePool(40, 2, in_a_row=True)
    languages = [1, 2, 3, 4], [5, 6, 7, 8]
    for template in languages:
        filled(pool, [*template, 9, 10])

    for n in range(6):
        pages, names = pool.begin([*languages[n % 2], 20 + n], 4)
        assert len(names) == 2, f"text {n} reads its language's words anew"
        pool.release(pages)


def filled(pool: PagePool, ids: Sequence[int]) -> list[int]:
    """The pages of a text that has written all of these and left."""
    size = pool.page_tokens
    pages, names = pool.begin(ids, len(ids) // size)
    for place in range(len(names), len(pages)):
        names.append(pool.name(pages[place], names[-1] if names else START, ids[place * size : (place + 1) * size]))
    pool.release(pages)
    return pages


def test_a_text_that_has_left_is_found_again_until_its_pages_are_taken() -> None:
    pool = PagePool(4, 2)
    pages = filled(pool, [1, 2, 3, 4])

    again, _ = pool.begin([1, 2, 3, 4, 5], 3)
    assert again[:2] == pages
    pool.release(again)
    pool.release(pool.take(4))
    assert pool.begin([1, 2, 3, 4, 5], 3)[1] == []


def test_the_beginning_of_a_text_stays_longest_and_the_longest_free_goes_first() -> None:
    pool = PagePool(5, 1)
    first, second = filled(pool, [1, 2]), filled(pool, [8, 9])

    assert pool.take(1) == [4]  # which nobody has named
    assert pool.take(1) == [first[1]]
    assert pool.take(1) == [first[0]]
    assert pool.take(1) == [second[1]]


@pytest.mark.parametrize("other", [[9, 2, 3, 4], [1, 2, 4, 3], [3, 4]])
def test_equal_tokens_after_others_are_another_page(other: list[int]) -> None:
    pool = PagePool(8, 2)
    filled(pool, [1, 2, 3, 4])

    _, names = pool.begin(other, 2)

    assert len(names) == (1 if other[:2] == [1, 2] else 0)


def test_a_name_is_its_first_pages_and_no_other() -> None:
    pool = PagePool(4, 2)
    (page, twin) = pool.take(2)

    assert pool.name(page, START, [1, 2]) == pool.name(twin, START, [1, 2])
    pool.release([page, twin])

    assert pool.begin([1, 2], 1)[0] == [page]
