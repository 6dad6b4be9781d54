"""What the page's scripts list by hand is what the API has."""

from __future__ import annotations

import json
import re
from pathlib import Path

from shared.schemas import Status

PAGE = Path(__file__).parents[2] / "api" / "page"


def test_the_pages_filter_offers_every_status() -> None:
    (listed,) = re.findall(r"^export const STATUSES = (\[.*\]);$", (PAGE / "statuses.js").read_text(), re.MULTILINE)

    assert json.loads(listed) == [status.value for status in Status]


def test_no_other_script_of_the_page_lists_every_status_again() -> None:
    others = [path for path in PAGE.glob("*.js") if path.name != "statuses.js"]

    assert [path.name for path in others if re.search(r'"queued", *"running"', path.read_text())] == []
