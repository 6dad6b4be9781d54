"""What stands in the broker's lists and is no doorbell is set aside, and the worker lives.

Kombu decodes a message in the middle of its event loop: one that cannot be decoded ends the process, whose successor
meets the next one. Knows kombu's Redis transport (pinned exactly) and what a doorbell looks like; not what a job is.
"""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

from kombu.utils.encoding import bytes_to_str
from redis.exceptions import ResponseError

from shared.broker import redis_transport
from shared.keys import QUARANTINE
from shared.rings import TASK, holds_doorbells

log = logging.getLogger(__name__)

_MAX_KEPT = 1000
_MAX_CHARACTERS = 65536  # kept of one


class QuarantineChannel(redis_transport.Channel):
    def _brpop_read(self, **options: Any) -> Any:
        """As in kombu, with a look at the message before it is delivered."""
        taken: list[str] = []
        parse = self.client.parse_response

        def parse_and_check(*arguments: Any, **keywords: Any) -> Any:
            answer = parse(*arguments, **keywords)
            if answer and holds_doorbells(bytes_to_str(answer[0])) and not is_doorbell(text := bytes_to_str(answer[1])):
                taken.append(text)
                return None  # for kombu: the list was empty
            return answer

        self.client.parse_response = parse_and_check
        try:
            return super()._brpop_read(**options)
        finally:
            del self.client.parse_response
            for text in taken:
                self._set_aside(text)

    def _set_aside(self, text: str) -> None:
        log.error("set aside in %s: no doorbell, %d characters", self.global_keyprefix + QUARANTINE, len(text))
        try:
            with self.conn_or_acquire() as client:
                client.lpush(QUARANTINE, text[:_MAX_CHARACTERS])
                client.ltrim(self.global_keyprefix + QUARANTINE, 0, _MAX_KEPT - 1)
        except ResponseError as error:  # Redis has no memory left: to live is worth more than to keep it
            log.error("not even set aside: %s", error)


class QuarantineTransport(redis_transport.Transport):
    Channel = QuarantineChannel


def use_quarantine() -> None:
    """For every connection of this process to the broker from now on."""
    redis_transport.use_transport(f"{__name__}:QuarantineTransport")


def is_doorbell(text: str) -> bool:
    """Whether this is a message as `shared.broker.celery_app.ring` sends it, which nothing can choke on."""
    try:
        message = json.loads(text)
        properties, headers = message["properties"], message["headers"]
        arguments, keywords, _ = json.loads(base64.b64decode(message["body"], validate=True))
        (job_id,) = arguments
        delivery = properties["delivery_info"]
        return (
            all(isinstance(name, str) for name in (job_id, headers["id"], properties["delivery_tag"]))
            and all(isinstance(delivery[name], str) for name in ("exchange", "routing_key"))
            and (headers["task"], keywords, headers.get("compression")) == (TASK, {}, None)
            and (headers.get("eta"), headers.get("expires")) == (None, None)
            and headers.get("timelimit") in (None, [None, None])
            and (properties["body_encoding"], message["content-type"]) == ("base64", "application/json")
            and message["content-encoding"] == "utf-8"
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return False
