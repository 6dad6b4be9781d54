"""What the client says step by step, to a service that answers as a test tells it to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from scriptqueue import calls, protocol
from scriptqueue.client import ApiError, Client, Conflict, Gone, ServiceUnreachable
from scriptqueue.schemas import Job, Status, Urls
from scriptqueue.stream import EventReader


class Script(httpx.MockTransport):
    """A service that answers as it is told to, and keeps what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.requests: list[httpx.Request] = []
        self._answers = iter(answers)
        super().__init__(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def busy(retry_after: str | None = None, code: str = "queue_full", status: int = 503) -> httpx.Response:
    problem = {"type": f"/problems/{code}", "title": "t", "status": status, "detail": "d", "code": code}
    return httpx.Response(status, json=problem, headers={"Retry-After": retry_after} if retry_after else {})


def carried_out(talk: protocol.Call[Any], *answers: Any) -> tuple[Any, list[Any]]:
    """What a conversation returns, and its steps, when these answers come."""
    left, steps = iter(answers), [next(talk)]
    try:
        while True:
            steps.append(talk.send(None if isinstance(steps[-1], protocol.Pause) else next(left)))
    except StopIteration as end:
        return end.value, steps


def queued_job() -> Job:
    job_id = uuid4()
    return Job(
        id=job_id,
        status=Status.QUEUED,
        done=False,
        created_at=datetime.now(UTC),
        priority="normal",
        urls=Urls.of(job_id),
    )


REQUEST = httpx.Request("GET", "http://x/")
QUEUE = {
    "depth": {"high": 0, "normal": 0, "low": 0},
    "running": 0,
    "workers": [],
    "tokens_per_s": 0,
    "webhook_senders": 0,
    "failures_last_hour": {},
    "eta_s": None,
}


def test_a_read_is_repeated_after_the_time_that_the_service_names() -> None:
    patience = protocol.Patience(reached=True)
    cut = httpx.ConnectError("cut", request=REQUEST)

    view, steps = carried_out(calls.queue(patience), busy("3"), cut, busy("2"), httpx.Response(200, json=QUEUE))

    pauses = [step.seconds for step in steps if isinstance(step, protocol.Pause)]
    assert view.running == 0
    assert (pauses[0], pauses[2]) == (3, 2)
    assert pauses[1] <= protocol.MAX_RETRY_PAUSE_S


def test_patience_is_counted_from_the_first_failure_and_ends() -> None:
    patience = protocol.Patience(later_s=4, reached=True)

    with pytest.raises(ApiError) as caught:
        carried_out(calls.queue(patience), busy("5"), httpx.Response(200, json=QUEUE))

    assert caught.value.retry_after_s == 5


def test_the_key_is_sent_and_a_field_of_a_newer_service_does_no_harm() -> None:
    script = Script(httpx.Response(200, json={**QUEUE, "brand_new": 1}))

    with Client("http://127.0.0.1", "schlüssel", transport=script) as client:
        assert client.queue().running == 0

    assert dict(script.requests[0].headers.raw)[b"Authorization"].decode() == "Bearer schlüssel"


def test_a_poll_names_what_it_knows_and_waits_longer_for_the_answer_than_it_asked_to() -> None:
    job = queued_job()
    seen = calls.Seen(job, 'W/"1"')
    unchanged = httpx.Response(304, headers={"ETag": 'W/"1"', "Preference-Applied": "wait=20"})

    still, (poll,) = carried_out(calls.change(job.id, seen, protocol.Patience(), within_s=20), unchanged)

    assert still is seen
    assert poll.headers == {"If-None-Match": 'W/"1"', "Prefer": "wait=20"}
    assert poll.timeout_s > 20


def test_a_service_that_drops_the_preference_is_not_flooded() -> None:
    job = queued_job()
    seen = calls.Seen(job, 'W/"1"')
    answer = httpx.Response(200, content=job.model_dump_json(), headers={"ETag": 'W/"1"', "Retry-After": "7"})

    _, steps = carried_out(calls.change(job.id, seen, protocol.Patience()), answer)

    assert [step.seconds for step in steps if isinstance(step, protocol.Pause)] == [7]


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>"),
        httpx.Response(302, headers={"Location": "/x"}),
        httpx.Response(404, text="404 page not found"),
        httpx.Response(404, json={"detail": "Not Found"}),  # another FastAPI service
        httpx.Response(405, text=""),
        httpx.Response(501, text="Unsupported method ('POST')"),  # python -m http.server
        httpx.Response(400, text="Client sent an HTTP request to an HTTPS server."),
    ],
)
def test_an_address_where_something_else_answers_is_no_scriptqueue(answer: httpx.Response) -> None:
    with (
        Client("http://127.0.0.1", transport=Script(answer)) as client,
        pytest.raises(ServiceUnreachable, match="not as scriptqueue does"),
    ):
        client.queue()


def test_an_error_of_something_in_between_is_told_by_its_status() -> None:
    with (
        Client("http://127.0.0.1", transport=Script(httpx.Response(403, text="<html>"))) as client,
        pytest.raises(ApiError) as caught,
    ):
        client.queue()
    assert (caught.value.code, caught.value.problem.title) == ("http_403", "Forbidden")


@pytest.mark.parametrize(
    "passing", [busy("0", "store_unavailable"), busy("0", "http_502", 502), httpx.ReadError("cut", request=REQUEST)]
)
def test_a_submit_is_repeated_with_the_key_of_the_first_time(passing: Any) -> None:
    talk = calls.submit("x", {}, None, protocol.Patience(reached=True))

    _, steps = carried_out(talk, passing, httpx.Response(202, content=queued_job().model_dump_json()))

    sent = [step for step in steps if isinstance(step, protocol.Send)]
    assert len(sent) == 2
    assert sent[0] == sent[1]
    assert len(sent[0].headers["Idempotency-Key"]) == 36


def test_a_full_queue_is_told_at_once_unless_the_submit_is_one_of_many() -> None:
    patience = protocol.Patience(reached=True)
    accepted = httpx.Response(202, content=queued_job().model_dump_json())

    with pytest.raises(ApiError, match="queue_full"):
        carried_out(calls.submit("x", {}, None, patience), busy("0"), accepted)
    _, steps = carried_out(calls.submit("x", {}, None, patience, "queue up"), busy("1"), accepted)

    assert protocol.Pause(1) in steps


def test_many_prompts_wait_for_room_longer_than_they_would_for_a_silent_service() -> None:
    patience = protocol.Patience(later_s=4, reached=True)
    accepted = httpx.Response(202, content=queued_job().model_dump_json())
    waits = [busy("3"), busy("70", "too_fast", 429), busy("3")]

    _, steps = carried_out(calls.submit("x", {}, None, patience, "queue up"), *waits, accepted)

    assert [step.seconds for step in steps if isinstance(step, protocol.Pause)] == [3, 70, 3]


def test_a_spent_quota_is_waited_out_for_as_long_as_the_service_names() -> None:
    accepted = httpx.Response(202, content=queued_job().model_dump_json())

    _, steps = carried_out(calls.submit("x", {}, None, protocol.Patience()), busy("2", "too_fast", 429), accepted)

    assert protocol.Pause(2) in steps


def test_a_delete_whose_first_answer_was_lost_is_no_error() -> None:
    cut = httpx.ReadError("cut", request=REQUEST)

    done, _ = carried_out(calls.delete("1", protocol.Patience()), cut, busy(None, "gone", 410))

    assert done is None
    with pytest.raises(Gone):
        carried_out(calls.delete("1", protocol.Patience()), busy(None, "gone", 410))


def test_a_redelivery_whose_first_answer_was_lost_tells_where_the_events_are() -> None:
    cut, nothing = httpx.ReadError("cut", request=REQUEST), busy(None, "nothing_to_redeliver", 409)
    where = httpx.Response(200, json={"deliveries": []}, request=REQUEST)

    deliveries, _ = carried_out(calls.redeliver("1", None, protocol.Patience()), cut, nothing, where)

    assert deliveries == []
    with pytest.raises(Conflict):
        carried_out(calls.redeliver("1", None, protocol.Patience()), nothing)


def test_a_stream_that_breaks_off_again_and_again_without_a_word_is_given_up() -> None:
    empty = [httpx.Response(200, headers={"Content-Type": "text/event-stream"}, text="") for _ in range(50)]
    with Client("http://127.0.0.1", transport=Script(*empty)) as client:
        client._carrier.patience.later_s = 2

        with pytest.raises(ServiceUnreachable, match="tells nothing"):
            list(client.events("1"))


def test_events_of_a_newer_service_are_passed_over_and_nonsense_is_not() -> None:
    stream = {"Content-Type": "text/event-stream"}
    new_events = (
        'id: 1\nevent: brand-new\ndata: {}\n\nid: 2\nevent: status\ndata: {"status":"queued","attempt":0,"new":1}\n\n'
    )
    wrong = "id: 3\nevent: scene\ndata: {}\n\n"
    script = Script(httpx.Response(200, headers=stream, text=new_events + wrong))

    with Client("http://127.0.0.1", transport=script) as client:
        events = client.events("1")
        assert next(events).id == 2
        with pytest.raises(ServiceUnreachable, match="not as scriptqueue does"):
            next(events)


def test_a_wait_that_finds_too_many_others_looks_now_and_then() -> None:
    job = queued_job()
    now = {"ETag": 'W/"1"', "Retry-After": "3"}
    seen = calls.Seen(job, 'W/"1"')
    crowded = busy("2", "too_many_streams", 429)

    _, steps = carried_out(calls.change(job.id, seen, protocol.Patience()), crowded, httpx.Response(304, headers=now))

    first, second, pause = steps
    assert first.headers == {"If-None-Match": 'W/"1"', "Prefer": "wait=30"}
    assert second.headers == {"If-None-Match": 'W/"1"'}
    assert pause == protocol.Pause(3)


def test_a_stream_waits_until_there_is_a_place_for_it() -> None:
    crowded = [busy("2", "too_many_streams", 429)] * 100

    answer, steps = carried_out(
        calls.stream("1", EventReader(), protocol.Patience()), *crowded, httpx.Response(204, request=REQUEST)
    )

    assert answer.status_code == 204
    assert steps.count(protocol.Pause(2)) == 100
