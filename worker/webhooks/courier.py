"""One try to deliver one message: sign it, post it, say what came of it. Never raises for what a receiver does.

Knows HTTP and Standard Webhooks; not Redis, and not when a failed try is worth another.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial

import httpcore
import httpx
from standardwebhooks import Webhook

from scriptqueue.schemas import DeliveryAttempt, DeliveryFault
from shared import traces
from shared.store.outbox import Letter
from shared.store.webhook_messages import DoneMessage, message_of
from worker.webhooks.network import AddressRefused, GuardedNetwork, NameNotResolved, Resolve

log = logging.getLogger(__name__)

TRY_S = 15.0  # from looking up the name to the end of the answer, however slowly it comes
READ_BYTES = 4096  # of an answer's body: enough to part politely
BUSY = (429, 503)  # their Retry-After is heard


@dataclass(frozen=True)
class DeliveryOutcome:
    attempt: DeliveryAttempt
    retry_after_s: float | None = None
    address: str | None = None  # where the name led; None: it was not looked up in time, or leads nowhere


class Courier:
    """Every try has a connection of its own: one kept open could break just when it is needed."""

    def __init__(
        self,
        secrets: Sequence[str],
        resolve: Resolve,
        *,
        allow_private: bool,
        try_s: float = TRY_S,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._signers = [Webhook(secret) for secret in secrets]
        self._connect = partial(GuardedNetwork, resolve, allow_private=allow_private)
        self._try_s = try_s
        self._tls = tls or httpcore.default_ssl_context()

    async def deliver(self, letter: Letter) -> DeliveryOutcome:
        at, begun = datetime.now(UTC), time.monotonic()
        status: int | None = None
        error: DeliveryFault | None = None
        retry_after_s: float | None = None
        network = self._connect()
        try:
            with traces.span("webhook", letter.record.get("trace", ""), job=letter.job_id, event=letter.event) as note:
                async with asyncio.timeout(self._try_s):
                    status, retry_after_s = await self._post(letter, at, network)
                note("http.response.status_code", status)
        except Exception as caught:  # whatever a receiver can do to us is a failed try, never the end of this process
            error = _fault(caught)
            if error == "internal":
                log.exception("a webhook could not be sent", extra={"job": letter.job_id})
        attempt = DeliveryAttempt(at=at, took_s=round(time.monotonic() - begun, 3), status=status, error=error)
        return DeliveryOutcome(attempt, retry_after_s, network.address)

    async def _post(self, letter: Letter, at: datetime, network: GuardedNetwork) -> tuple[int, float | None]:
        """The status, and for how long the receiver wants to be left alone. Redirects are not followed: they could
        lead anywhere, and a receiver that has moved must say so to who posts jobs."""
        url, body = httpx.URL(letter.url), _body(letter)
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        pool = httpcore.AsyncConnectionPool(ssl_context=self._tls, network_backend=network)
        async with pool, pool.stream("POST", target, headers=self._headers(letter, body, at), content=body) as answer:
            await _read(answer.aiter_stream())
            headers = {name.lower(): value for name, value in answer.headers}
            return answer.status, _seconds(headers.get(b"retry-after", b"")) if answer.status in BUSY else None

    def _headers(self, letter: Letter, body: bytes, at: datetime) -> Mapping[bytes | str, bytes | str]:
        signatures = [signer.sign(letter.webhook_id, at, body.decode()) for signer in self._signers]
        return {
            "Host": httpx.URL(letter.url).netloc.decode(),
            "Content-Type": "application/json",
            "User-Agent": "scriptqueue",
            "webhook-id": letter.webhook_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(signatures),
        }


def _body(letter: Letter) -> bytes:
    message = message_of(letter.job_id, letter.record, letter.event, letter.value, letter.at_ms)
    if isinstance(message, DoneMessage):
        message.data.durability = letter.durability
    return message.model_dump_json().encode()


async def _read(chunks: AsyncIterator[bytes]) -> None:
    size_bytes = 0
    async for chunk in chunks:
        size_bytes += len(chunk)
        if size_bytes >= READ_BYTES:
            return


def _seconds(retry_after: bytes) -> float | None:
    """Of a Retry-After header, in both its forms."""
    text = retry_after.decode("ascii", "replace").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (until.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def _fault(error: Exception) -> DeliveryFault:
    if isinstance(error, AddressRefused):
        return "address_refused"
    if isinstance(error, NameNotResolved):
        return "name_not_resolved"
    if isinstance(error, (TimeoutError, httpcore.TimeoutException)):
        return "timeout"
    if isinstance(error, httpcore.ConnectError) and isinstance(error.__cause__, ssl.SSLError):
        return "tls_failed"
    if isinstance(error, httpcore.NetworkError):
        return "connection_failed"
    return "bad_answer" if isinstance(error, httpcore.ProtocolError) else "internal"
