"""Whose webhooks are sent next: clients take turns, each has places, and who hangs loses them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import redis

from scriptqueue.schemas import DeliveryAttempt, JobRequest, Webhook
from shared.settings import Settings
from shared.store.connection import Store
from shared.store.deliveries import DeliveryStore
from shared.store.executions import Executions
from shared.store.outbox import Letter, Outbox
from shared.store.submissions import Submissions
from tests.integration.desk import claimed

SLOTS = 64


class Post:
    """Clients that queue jobs with webhooks, and one sender that a test moves by hand."""

    def __init__(self, settings: Settings) -> None:
        self._loop = asyncio.new_event_loop()
        self._store = Store(settings)
        self._submissions = Submissions(self._store, settings)
        self.outbox = Outbox(self._store, "test")
        self.held: list[Letter] = []

    def do(self, call: Coroutine[Any, Any, Any]) -> Any:
        return self._loop.run_until_complete(call)

    def queue(self, client: str, *urls: str) -> list[str]:
        """A job for each, whose first event is due at once."""
        requests = [
            JobRequest(prompt="x", use_cache=False, webhook=Webhook(url=url, events=["status"])) for url in urls
        ]
        return list(self.do(self._submissions.submit_batch(requests, client)).job_ids)

    def take(self) -> list[Letter]:
        taken: list[Letter] = self.do(self.outbox.take(SLOTS - len(self.held)))
        self.held += taken
        return taken

    def settle(self, letter: Letter, address: str | None = None, *, status: int | None = 204) -> None:
        """Answered, or not in time."""
        attempt = DeliveryAttempt(at=datetime.now(UTC), took_s=1, status=status, error=None if status else "timeout")
        self.held.remove(letter)
        assert self.do(self.outbox.settle(letter, attempt, None, unwanted=False, address=address))

    def places(self, job_id: str, client: str) -> list[str]:
        return [delivery.state for delivery in self.do(DeliveryStore(self._store).of(job_id, client))]

    def close(self) -> None:
        self.do(self._store.close())
        self._loop.close()


@pytest.fixture
def post(make_settings: Callable[..., Settings]) -> Iterator[Post]:
    post = Post(make_settings())
    yield post
    post.close()


@pytest.mark.parametrize(
    "urls",
    [
        [f"https://h{n}.example/" for n in range(16) for _ in range(8)],
        [f"https://one.example:{8000 + n}/" for n in range(16) for _ in range(8)],
        [f"https://h{n}.example/" for n in range(300)],
        [f"https://[2001:db8::{n:x}]/" for n in range(1, 200)],
        ["https://one.example/"] * 200,
        [f"https://H{n % 3}.example/{n}" for n in range(200)],
    ],
    ids=["names", "ports", "a name each", "addresses", "one", "three in capitals"],
)
def test_whatever_hangs_of_one_client_there_is_a_place_for_another(post: Post, urls: list[str]) -> None:
    post.queue("ada", *urls)
    while post.take():
        pass
    assert len(post.held) <= SLOTS / 2
    post.queue("bob", "https://bob.example/")

    assert [letter.client for letter in post.take()] == ["bob"]


def test_one_client_alone_has_half_of_the_places(post: Post, records: redis.Redis) -> None:
    post.queue("ada", *(f"https://h{n}.example/" for n in range(100)))

    assert len(post.take()) == SLOTS / 2
    records.zadd("sq:webhook-clients", {"ada": 1})  # not put off
    assert post.take() == []


def test_who_takes_is_known_to_send(post: Post) -> None:
    post.take()

    assert post.do(post._submissions.queue()).senders == 1


def test_clients_take_turns(post: Post) -> None:
    for client, count in (("ada", 60), ("bob", 20), ("cyd", 5)):
        post.queue(client, *(f"https://{client}{n}.example/" for n in range(count)))

    first = [letter.client for letter in post.take()]

    assert first[:6] == ["ada", "bob", "cyd"] * 2
    assert Counter(first)["cyd"] == 5
    assert abs(Counter(first)["ada"] - Counter(first)["bob"]) <= 1


def test_names_that_lead_to_one_address_share_its_places(post: Post) -> None:
    urls = [f"https://h{n}.example/" for n in range(10)]
    post.queue("ada", *urls)
    for letter in post.take():
        post.settle(letter, "192.0.2.1")
    post.queue("ada", *urls)
    post.queue("bob", *urls)

    assert Counter(letter.client for letter in post.take()) == {"ada": 4, "bob": 4}


def test_an_address_that_hung_has_one_place_until_it_answers(post: Post) -> None:
    urls = [f"https://h{n % 2}.example/" for n in range(20)]
    post.queue("ada", *urls)
    post.queue("bob", *urls)
    for letter in post.take():
        post.settle(letter, "192.0.2.1", status=None if letter.client == "ada" else 204)

    assert Counter(letter.client for letter in post.take()) == {"ada": 1, "bob": 4}
    (ada,) = [letter for letter in post.held if letter.client == "ada"]
    post.settle(ada, "192.0.2.1", status=500)
    assert Counter(letter.client for letter in post.take()) == {"ada": 4}


def test_two_hundred_events_of_a_job_are_posted_and_its_end(
    post: Post, records: redis.Redis, make_settings: Callable[..., Settings]
) -> None:
    (job_id,) = post.queue("ada", "https://h.example/")
    worker, deliveries = Executions(make_settings(), "worker-a"), f"sq:deliveries:{job_id}"
    assert records.hget(deliveries, "posted") == "1"

    records.hset(deliveries, "posted", 199)
    claim = claimed(worker, job_id)
    assert (records.hget(deliveries, "posted"), len(post.places(job_id, "ada"))) == ("200", 2)
    worker.give_back(claim)
    assert (records.hget(deliveries, "posted"), len(post.places(job_id, "ada"))) == ("200", 2)
    worker.cancel(job_id)
    assert (records.hget(deliveries, "posted"), len(post.places(job_id, "ada"))) == ("201", 3)


def test_what_nobody_sent_for_days_is_dropped(post: Post, records: redis.Redis) -> None:
    url, line = "https://h.example/", "sq:webhook-line:ada:h.example"
    (first,) = post.queue("ada", url)
    records.zadd(line, {"long-gone/1": 1, "long-gone/2": 2})

    (second,) = post.queue("ada", url)

    assert {*records.zrange(line, 0, -1)} == {f"{first}/1", f"{second}/1"}


def test_of_a_job_whose_receiver_wants_no_more_nothing_waits(
    post: Post, records: redis.Redis, make_settings: Callable[..., Settings]
) -> None:
    (job_id,) = post.queue("ada", "https://h.example/")
    (letter,) = post.take()
    claimed(Executions(make_settings(), "worker-a"), job_id)
    attempt = DeliveryAttempt(at=datetime.now(UTC), took_s=1, status=410, error=None)

    assert post.do(post.outbox.settle(letter, attempt, None, unwanted=True, address=None))

    assert not records.exists("sq:webhook-line:ada:h.example")
    assert records.hget(f"sq:deliveries:{job_id}", "pending") == "0"


def test_what_is_sent_again_is_counted_as_still_to_be_sent(post: Post, records: redis.Redis) -> None:
    """So its job's record is kept for it."""
    (job_id,) = post.queue("ada", "https://h.example/")
    (letter,) = post.take()
    post.settle(letter)
    assert records.hget(f"sq:deliveries:{job_id}", "pending") == "0"

    for _ in range(2):
        post.do(DeliveryStore(post._store).send_again(job_id, "ada", letter.number))

    assert records.hget(f"sq:deliveries:{job_id}", "pending") == "1"


def test_what_a_sender_held_that_died_is_due_again(post: Post, records: redis.Redis) -> None:
    (job_id,) = post.queue("ada", "https://h.example/")
    (letter,) = post.take()
    assert (post.take(), post.places(job_id, "ada")) == ([], ["sending"])

    records.zadd("sq:webhook-sending:ada", {f"{letter.job_id}/{letter.number}": 1})
    records.zadd("sq:webhook-clients", {"ada": 1})

    assert [again.webhook_id for again in post.take()] == [letter.webhook_id]
    assert len(records.hgetall("sq:webhook-at:ada")) == 1


def test_what_waits_of_a_job_that_is_gone_is_given_up_and_counted(post: Post, records: redis.Redis) -> None:
    (first,), (second,) = post.queue("ada", "https://h.example/"), post.queue("ada", "https://h.example/")
    records.delete(f"sq:job:{first}")

    assert [letter.job_id for letter in post.take()] == [second]
    assert records.hget("sq:counts", "webhook:given_up") == "1"


def test_what_an_older_version_put_out_or_held_is_sent(post: Post, records: redis.Redis) -> None:
    (waits,), (held,) = post.queue("ada", "https://h.example/"), post.queue("bob", "https://h.example/")
    for key in records.keys("sq:webhook-*"):
        records.delete(key)
    records.zadd("sq:webhook-due:h.example", {f"{waits}/1": 1})
    records.zadd("sq:webhook-out:h.example", {f"{held}/1": 1})  # its sender has died
    records.zadd("sq:webhooks", {"h.example": 1})

    assert {(letter.job_id, letter.client) for letter in post.take()} == {(waits, "ada"), (held, "bob")}
    assert records.exists("sq:webhooks", "sq:webhook-due:h.example", "sq:webhook-out:h.example") == 0


def test_what_an_older_version_put_out_of_a_job_that_is_gone_keeps_nothing_waiting(
    post: Post, records: redis.Redis
) -> None:
    (job_id,) = post.queue("ada", "https://h.example/")
    records.zadd("sq:webhook-due:h.example", {"long-gone/1": 1})
    records.zadd("sq:webhooks", {"h.example": 1})

    assert [letter.job_id for letter in post.take()] == [job_id]
    assert records.exists("sq:webhooks", "sq:webhook-due:h.example") == 0


def test_nothing_is_left_when_all_was_sent(post: Post, records: redis.Redis) -> None:
    post.queue("ada", *(f"https://h{n}.example/" for n in range(30)))
    while taken := post.take():
        for letter in taken:
            post.settle(letter, f"192.0.2.{letter.number}")

    left = [key for key in map(str, records.keys("sq:webhook*")) if not key.startswith("sq:webhook-address:")]
    assert left == []
