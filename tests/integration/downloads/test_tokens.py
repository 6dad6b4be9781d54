"""To whom a token and a password go: to the host that they are for, unseen on the way, and into no line and no file.

Tokens that went along with redirects: huggingface/huggingface_hub pull 1269, huggingface/hf_transfer pull 42; over
plain http: ai-dynamo/modelexpress pull 754; to a host smuggled into git's question: golang/vulndb issue 3390 (git-lfs).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from models import web
from models.cache import read_record
from models.hub.git import credentials
from models.obtain import obtain
from shared.errors import DownloadFailed, ModelUnavailable
from tests.integration.downloads.conftest import LARGE, NEEDED, SHARDS, names
from tests.integration.downloads.servers import Answers, Hub, HuggingFace, closed_port, serve

NAME = "chatglm3-6b"
FIRST = SHARDS[0]
TOKEN = "hf_secret"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("HF_TOKEN", TOKEN)


def test_a_plain_http_endpoint_gets_no_token_and_the_user_hears_of_it(
    hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HTTP_PROXY", hub.url)  # so that the test's server stands for any host

    folder = obtain(NAME, cache, "http://hub.test")

    assert names(folder) == {*NEEDED, "download.json"}
    assert hub.tokens == {None}
    assert "http://hub.test is not https: it does not get HF_TOKEN" in " ".join(capsys.readouterr().err.split())


def test_a_licence_behind_a_plain_http_endpoint_needs_another(
    hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", hub.url)
    hub.token = TOKEN

    with pytest.raises(ModelUnavailable, match="name an https endpoint: HF_TOKEN goes to no other"):
        obtain("llama2-7b", cache, "http://hub.test")


def test_this_machine_gets_it_and_not_by_way_of_a_proxy(hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", closed_port())
    hub.token = TOKEN

    assert names(obtain(NAME, cache, hub.url)) == {*NEEDED, "download.json"}
    assert hub.tokens == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize("at", ["/api/models/", "/resolve/"])
@pytest.mark.parametrize("sizes", [True, False])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_host_that_the_endpoint_redirects_to_gets_none(
    hub: Hub, cache: Path, at: str, status: int, *, sizes: bool
) -> None:
    class Elsewhere(HuggingFace):
        def reply(self, path: str, query: dict[str, list[str]]) -> None:
            if at in path:
                return self.send(b"", status, {"Location": f"{hub.url}{self.path}"})
            return super().reply(path, query)

    hub.sizes = sizes
    with serve(Elsewhere, Hub(hub.files, set(LARGE), token=TOKEN, sizes=sizes)) as mirror:
        if at == "/api/models/":
            mirror.token = None
        folder = obtain(NAME, cache, mirror.url)

    assert names(folder) == {*NEEDED, "download.json"}
    assert hub.tokens == {None}
    assert mirror.tokens == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize("token", ["hf_secret with words", "hf_sécret", "hf_\x1bsecret"])
def test_a_token_that_is_none_is_refused_and_not_shown(
    hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)

    with pytest.raises(ModelUnavailable, match="HF_TOKEN is no token") as refused:
        obtain(NAME, cache, hub.url)
    assert "cret" not in str(refused.value)


@pytest.mark.parametrize("status", [None, 401, 403, 404, 500])
def test_a_password_in_the_address_is_in_no_record_and_no_line(
    hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: int | None
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    address = hub.url.replace("//", "//user:pass%40word@")
    if status is not None:
        hub.status["/api/models"] = (status, {})
        with pytest.raises((ModelUnavailable, DownloadFailed)) as refused:
            obtain(NAME, cache, address)
        assert "word" not in str(refused.value)
    else:
        record = read_record(obtain(NAME, cache, address))
        assert "word" not in str(record)

    assert hub.tokens == {"Basic dXNlcjpwYXNzQHdvcmQ="}
    assert "word" not in capsys.readouterr().err


@pytest.mark.parametrize("where", ["/x.git", "/none.git"])
def test_a_password_in_the_address_of_a_git_repository_is_in_no_line(cache: Path, where: str) -> None:
    with serve(Answers404, Hub({})) as hub, pytest.raises((ModelUnavailable, DownloadFailed)) as refused:
        obtain(NAME, cache, hub.url.replace("//", "//user:hf_secret@") + where, source="git")

    assert "hf_secret" not in str(refused.value)
    assert str(refused.value).isprintable()


class Answers404(Answers):
    """Nothing is here."""

    def reply(self, path: str, query: dict[str, list[str]]) -> None:
        self.send(b"", 404)


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.test/a%0ahost=github.com%0a",
        "https://evil.test/a%0dhost=github.com",
        "https://evil.test/%00",
        "http://hub.test/model",
        "http://10.0.0.7/model",
    ],
)
def test_git_is_not_asked_for_a_password_that_would_go_astray(address: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[credential]\n\thelper = store\n")
    hosts = ("http://%s@hub.test", "http://%s@10.0.0.7", "https://%s@evil.test", "https://%s@github.com")
    (home / ".git-credentials").write_text("".join(f"{host % 'user:hf_secret'}\n" for host in hosts))

    assert credentials("https://github.com/model") == ("user", "hf_secret")
    assert credentials(address) is None


def test_private_headers_stay_with_the_first_host_and_others_go_on() -> None:
    seen: list[dict[str, str | None]] = []

    class Redirects(Answers):
        def reply(self, path: str, query: dict[str, list[str]]) -> None:
            seen.append({name: self.headers.get(name) for name in ("X-Ticket", "Range", "Authorization")})
            if path == "/elsewhere":
                return self.send(b"", 307, {"Location": second.url})
            return self.send(b"{}", 302, {"Location": "/elsewhere"}) if path == "/start" else self.send(b"{}")

    private = {"X-Ticket": "t", "Authorization": "a"}
    with serve(Redirects, Hub({})) as first, serve(Redirects, Hub({})) as second:
        reply = web.question(f"{first.url}/start", headers={"Range": "bytes=1-"}, private=private)

    assert reply.json() == {}
    assert [(what["X-Ticket"], what["Authorization"], what["Range"]) for what in seen] == [
        ("t", "a", "bytes=1-"),
        ("t", "a", "bytes=1-"),
        (None, None, "bytes=1-"),
    ]
