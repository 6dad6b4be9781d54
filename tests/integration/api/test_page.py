"""The page's files as they are sent: kept by browsers until they change, and closed to anybody else's code."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import httpx
import pytest

from api.routes.page import FILES, FOLDER, GENERATED
from tests.integration.api.serving import Serve


class References(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inline += [name for name, _ in attrs if name.startswith("on") or name == "style"]
        self.found += [value for name, value in attrs if name in {"src", "href"} and value and "/page/" in value]


def test_everything_that_the_page_names_is_there(lasting_api: httpx.Client) -> None:
    references = References()
    references.feed(lasting_api.get("/").text)
    modules = [name for name in FILES if name.endswith(".js")]
    imported = {
        f"/page/{name}" for module in modules for name in re.findall(r'from "\./(.+?)"', FILES[module].content.decode())
    }

    assert {lasting_api.get(path).status_code for path in [*references.found, *imported]} == {200}
    assert references.inline == []
    assert {f"/page/{name}" for name in modules} == imported | {"/page/app.js"}  # no file that nothing uses


def test_no_code_but_the_pages_own_may_run_in_it(lasting_api: httpx.Client) -> None:
    headers = lasting_api.get("/").headers

    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == policy["style-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")


@pytest.mark.parametrize("path", ["/", "/page/app.js", "/page/base.css"])
def test_a_file_that_a_browser_knows_is_not_sent_again(lasting_api: httpx.Client, path: str) -> None:
    first = lasting_api.get(path)

    again = lasting_api.get(path, headers={"If-None-Match": f'"another", W/{first.headers["ETag"]}'})

    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert first.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["/page/nothing.js", "/page/..%2fapp.py", "/page/"])
def test_nothing_else_is_to_be_had(lasting_api: httpx.Client, path: str) -> None:
    assert lasting_api.get(path).status_code == 404


def test_the_page_is_served_without_a_key_and_says_that_one_is_wanted(serve: Serve) -> None:
    api = serve(api={"keys": "a:1"}, flower={"url": "http://127.0.0.1:5555"})

    assert api.get("/").status_code == 200
    assert api.get("/page/settings.json").json() == {
        "authenticated": True,
        "flower_url": "http://127.0.0.1:5555",
        "sampling": {"temperature": 0.7, "top_p": 0.9, "max_new_tokens": 1536},
    }


def test_every_file_is_part_of_the_package() -> None:
    names = {path.name for path in FOLDER.iterdir()}  # flat: pyproject.toml names this one folder

    assert names == set(FILES) - set(GENERATED)
