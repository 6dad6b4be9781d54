"""What a later attempt reads of a text in the making, also an attempt by a worker of the version before."""

from __future__ import annotations

import json

import pytest

from shared.store.executions import Resume

DRAFTS = ((40, 31, 22, "The"), (40, 28, 20, "茶农"))


@pytest.mark.parametrize("drafts", [(), DRAFTS])
def test_a_record_reads_back(drafts: tuple[tuple[int, int, int, str], ...]) -> None:
    resume = Resume(7, 1, "0a1b", (1, 2, 3), drafts=drafts)

    assert Resume.from_json(resume.to_json()) == resume


def test_a_worker_that_knows_no_drafts_takes_the_record_for_another_texts() -> None:
    """It reads these four fields and no others, and goes on only where the fingerprint is its own."""
    fields = {"seed": 7, "given": 1, "fingerprint": "0a1b", "token_ids": [1, 2, 3]}
    plain, drafted = Resume(7, 1, "0a1b", (1, 2, 3)), Resume(7, 1, "0a1b", (1, 2, 3), drafts=DRAFTS)

    assert json.loads(plain.to_json()) == fields
    assert json.loads(drafted.to_json()).keys() == fields.keys()
    assert json.loads(drafted.to_json())["fingerprint"] != "0a1b"
    assert Resume.from_json(json.dumps(fields)) == plain
