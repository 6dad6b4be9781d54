"""`scriptqueue doctor`: every check, on this machine and through its settings; each line holds, warns or is a fault.

What only a worker's environment can know (model files, GPU) is asked of `python -m worker.doctor`, where there is one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import Namespace
from collections.abc import Collection, Iterator, Mapping
from importlib.util import find_spec

import httpx
from rich.console import Console
from rich.text import Text

from scriptqueue.proxies import transport_to
from shared.errors import SettingsInvalid
from shared.findings import Finding
from shared.settings import ModelSettings, from_environment
from shared.store import checks

API_S = 5.0
WORKER_S = 120.0
STYLES = {"ok": "green", "warning": "yellow", "fault": "red"}


def run_checks(url: str, arguments: Namespace, environment: Mapping[str, str]) -> int:
    """0 unless a fault was found; then 1."""
    faults, lines = 0, []
    console = Console(highlight=False, soft_wrap=True)
    for finding in all_findings(url, environment, repair=arguments.repair):
        faults += finding.level == "fault"
        lines.append(finding.json_fields())
        if not arguments.json:
            console.print(
                Text.assemble((f"{finding.level:8}", STYLES[finding.level]), f"{finding.check}: {finding.words}")
            )
    if arguments.json:
        print(json.dumps({"faults": faults, "findings": lines}, ensure_ascii=False))
    return 1 if faults else 0


def all_findings(url: str, environment: Mapping[str, str], *, repair: bool) -> Iterator[Finding]:
    try:
        settings = from_environment()
    except SettingsInvalid as error:
        yield Finding("settings", "fault", str(error), "set it right, or not at all")
        return
    yield Finding("settings", "ok", "valid")
    yield from checks.examine(settings, repair=repair)
    if environment.get("FLOWER_UNAUTHENTICATED_API", "").lower() in {"1", "true", "yes"}:
        yield Finding("flower", "fault", "its API is open to everybody", "unset FLOWER_UNAUTHENTICATED_API")
    yield api(url)
    yield flower(url)
    others = served_instead(settings.model, checks.models_served(settings))
    yield from [others] if others else _worker()


def api(url: str) -> Finding:
    """The service at this address, as a load balancer asks."""
    try:
        answer = _get(f"{url.rstrip('/')}/readyz")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        message = f"{url} does not answer ({type(error).__name__})"
        return Finding("api", "fault", message, "start `uvicorn api.app:app`, or give its --url")
    if answer.status_code == httpx.codes.OK:
        return Finding("api", "ok", f"{url} is ready")
    try:
        detail = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return Finding("api", "fault", f"{url} is no scriptqueue ({answer.status_code})", "give its --url")
    return Finding("api", "warning", f"{url} is not ready: {detail}")


def _get(url: str) -> httpx.Response:
    with httpx.Client(transport=transport_to(url, httpx.HTTPTransport), timeout=API_S) as client:
        return client.get(url)


def flower(url: str) -> Finding:
    """The Flower that the service at this address links to, as somebody without a login meets it."""
    try:
        address = _get(f"{url.rstrip('/')}/page/settings.json").json()["flower_url"]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError):
        address = None
    if not address:
        return Finding("flower", "ok", "not checked: the service names none (FLOWER__URL)")
    try:
        answers = [_get(address.rstrip("/") + path) for path in ("/", "/api/workers")]
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        message = f"{address} does not answer ({type(error).__name__})"
        return Finding("flower", "warning", message, "start it, or set FLOWER__URL of the service")
    if any(answer.is_success for answer in answers):
        return Finding("flower", "fault", f"{address} is open to everybody", "start it with FLOWER_BASIC_AUTH")
    return Finding("flower", "ok", f"{address} wants its login")


def served_instead(settings: ModelSettings, served: Collection[str]) -> Finding | None:
    """That ready workers serve other models than this environment would, which then is no matter; None: not so."""
    own = settings.path.name if settings.path else settings.name
    if not served or own in served:
        return None
    return Finding("model", "ok", f"the workers serve {', '.join(sorted(served))}; {own}, set here, is not checked")


def _worker() -> Iterator[Finding]:
    if find_spec("worker") is None or find_spec("torch") is None:
        yield Finding("model", "ok", "not checked: no model is served from this environment")
        return
    try:
        answer = subprocess.run(
            [sys.executable, "-m", "worker.doctor"], capture_output=True, text=True, timeout=WORKER_S, check=False
        )
        for fields in json.loads(answer.stdout):
            yield Finding.from_json_fields(fields)
    except subprocess.TimeoutExpired:
        yield Finding("model", "fault", f"its check took more than {WORKER_S:g} s", "run `python -m worker.doctor`")
    except (ValueError, TypeError, KeyError):
        last = (answer.stderr.strip().splitlines() or ["it said nothing"])[-1]
        yield Finding("model", "fault", f"its check failed: {last}", "run `python -m worker.doctor`")
