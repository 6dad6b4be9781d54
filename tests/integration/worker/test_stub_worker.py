"""A real worker process, real Redis and a real API: how one job after another ends."""

from __future__ import annotations

import httpx
import jsonschema
import pytest

from tests.integration.worker.conftest import StartWorker
from tests.integration.worker.processes import Process, done, running, submit, until


def test_a_posted_prompt_becomes_a_storyboard(api: httpx.Client, start_worker: StartWorker) -> None:
    start_worker(command=True)

    job = done(api, submit(api, metadata={"clip": 7}))

    assert (job["status"], job["source"], job["attempt"]) == ("succeeded", "stub", 1)
    assert job["metadata"] == {"clip": 7}
    assert job["created_at"] <= job["started_at"] <= job["finished_at"]
    assert api.get(job["urls"]["result"]).json() == job["result"]
    jsonschema.validate(job["result"], api.get("/schemas/storyboard.json").json())


def test_the_queue_names_the_worker_and_its_model(api: httpx.Client, worker: Process) -> None:
    (shown,) = api.get("/queue").json()["workers"]

    assert (shown["model"], shown["state"], shown["slots"]) == ("stub", "ready", 8)


def test_as_many_jobs_run_at_once_as_the_batch_has_rows(api: httpx.Client, start_worker: StartWorker) -> None:
    start_worker(worker__max_batch=3)
    ids = [submit(api, stub={"hang": True}) for _ in range(5)]

    until(lambda: api.get("/queue").json()["running"] == 3, what="three run")
    waiting = [job for job in (api.get(f"/jobs/{job_id}").json() for job_id in ids) if job["status"] == "queued"]

    assert [job["queue"]["position"] for job in waiting] == [1, 2]


def test_a_higher_priority_runs_first(api: httpx.Client, start_worker: StartWorker) -> None:
    low, normal, high = (submit(api, priority=priority) for priority in ("low", "normal", "high"))
    start_worker(worker__max_batch=1)

    started = [done(api, job_id)["started_at"] for job_id in (high, normal, low)]

    assert started == sorted(started)


def test_a_running_job_is_canceled_and_its_row_is_free_again(api: httpx.Client, start_worker: StartWorker) -> None:
    start_worker(worker__max_batch=1)
    job_id = submit(api, stub={"hang": True})
    running(api, job_id)

    assert api.post(f"/jobs/{job_id}/cancel").status_code in (200, 202)

    assert done(api, job_id)["status"] == "canceled"
    assert done(api, submit(api))["status"] == "succeeded"


def test_progress_is_told_while_a_job_runs(api: httpx.Client, worker: Process) -> None:
    job_id = submit(api, stub={"seconds": 3, "tokens": 300})

    job = until(lambda: (job := api.get(f"/jobs/{job_id}").json())["progress"] and job["progress"]["tokens"] and job)

    assert job["progress"]["phase"] == "writing"
    assert 0 < job["progress"]["fraction"] < 1
    assert done(api, job_id)["progress"] is None


def test_what_is_no_storyboard_is_written_twice_and_then_split_from_the_prompt(
    api: httpx.Client, worker: Process
) -> None:
    job = done(api, submit(api, "猫醒来，猫跑步。猫睡觉", stub={"invalid": True}))

    assert (job["status"], job["source"]) == ("succeeded", "fallback")
    assert any("猫醒来" in scene["description"] for scene in job["result"]["scenes"])
    assert job["repairs"]


def test_without_the_fallback_it_fails_and_says_why(api: httpx.Client, worker: Process) -> None:
    job_id = submit(api, stub={"invalid": True}, allow_fallback=False)

    job = done(api, job_id)

    assert (job["status"], job["error"]["code"], job["error"]["retryable"]) == ("failed", "output_invalid", True)
    answer = api.get(f"/jobs/{job_id}/result")
    assert (answer.status_code, answer.json()["code"]) == (409, "no_result")


def test_a_job_that_takes_too_long_fails_as_timeout(api: httpx.Client, worker: Process) -> None:
    job = done(api, submit(api, stub={"hang": True}, execution_timeout_s=1))

    assert (job["status"], job["error"]["code"]) == ("failed", "timeout")


def test_a_killed_workers_job_runs_on_another(api: httpx.Client, worker: Process, start_worker: StartWorker) -> None:
    job_id = submit(api, stub={"seconds": 2})
    running(api, job_id)

    worker.kill()
    start_worker()

    job = done(api, job_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 2)


def test_a_worker_told_to_end_finishes_what_runs(api: httpx.Client, worker: Process) -> None:
    job_id = submit(api, stub={"seconds": 1.5})
    running(api, job_id)

    worker.terminate()

    assert worker.wait() == 0
    assert api.get(f"/jobs/{job_id}").json()["status"] == "succeeded"
    assert api.get("/queue").json()["workers"] == []


def test_what_does_not_finish_in_time_is_given_back_without_blame(api: httpx.Client, start_worker: StartWorker) -> None:
    first = start_worker(worker__drain_s=0.5)
    job_id = submit(api, stub={"seconds": 4})
    running(api, job_id)

    first.terminate()
    assert first.wait() == 0
    given_back = api.get(f"/jobs/{job_id}").json()
    start_worker()

    assert given_back["status"] == "queued"
    assert done(api, job_id)["status"] == "succeeded"


def test_a_model_that_cannot_be_loaded_stops_the_worker_with_one_clear_line(start_worker: StartWorker) -> None:
    process = start_worker(command=True, model__name="no-such-model")

    assert process.wait() != 0
    last = [line for line in process.log_text.splitlines() if line.startswith("scriptqueue worker:")]
    assert len(last) == 1
    assert "no-such-model" in last[0]
    assert "Traceback" not in process.log_text


def test_where_it_is_allowed_a_worker_without_model_serves_fallbacks(
    api: httpx.Client, start_worker: StartWorker
) -> None:
    start_worker(model__name="no-such-model", worker__fallback_without_model="true")

    job = done(api, submit(api, "猫醒来，猫跑步。猫睡觉"))

    assert (job["status"], job["source"]) == ("succeeded", "fallback")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("modle__name", "stub", "did you mean SCRIPTQUEUE_MODEL__NAME"), ("worker__max_batch", "0", "MAX_BATCH")],
)
def test_a_bad_setting_stops_the_worker_with_its_name(
    start_worker: StartWorker, name: str, value: str, message: str
) -> None:
    process = start_worker(command=True, **{name: value})

    assert process.wait() != 0
    assert message in process.log_text


def test_prompts_are_in_no_log(api: httpx.Client, worker: Process) -> None:
    done(api, submit(api, "一个秘密的故事"))
    done(api, submit(api, "一个秘密的故事", stub={"invalid": True}))

    assert "秘密" not in worker.log_text


def test_a_script_is_broken_down_word_for_word(api: httpx.Client, worker: Process) -> None:
    script = "清晨，面馆刚刚开门。\n\nThe owner brings the first bowl; nobody knows the guest.\n“你是谁？”他问。"

    job = done(api, submit(api, script, mode="break_down", min_scenes=4, max_scenes=4, target_duration_s=30))

    assert [job["status"], job["source"], len(job["result"]["scenes"])] == ["succeeded", "stub", 4]
    assert " ".join(scene["narration"] for scene in job["result"]["scenes"]) == " ".join(
        [*script.split()[:-1], "“你是谁？”", "他问。"]
    )
    assert job["result"]["total_duration"] == 30
    assert not [repair for repair in job["repairs"] if "put back" in repair]
    jsonschema.validate(job["result"], api.get("/schemas/storyboard.json").json())
