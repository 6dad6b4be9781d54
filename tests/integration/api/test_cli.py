"""`scriptqueue` as a person and as a script use it: a process of its own against the real API."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from handworker import HandWorker
from serving import Serve
from wire import Wire

COMMAND = str(Path(sys.executable).with_name("scriptqueue"))

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(api: httpx.Client) -> Iterator[Start]:
    """A `scriptqueue` process that finds the API by its environment."""
    with ExitStack() as stack:

        def begin(*words: str, stdin: str | None = None, **environment: str) -> subprocess.Popen[str]:
            process = stack.enter_context(
                subprocess.Popen(
                    [COMMAND, *words],
                    env={**os.environ, "SCRIPTQUEUE_URL": str(api.base_url), **environment},
                    stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            stack.callback(process.kill)
            return process

        yield begin


@pytest.fixture
def run(start: Start) -> Run:
    def to_its_end(*words: str, stdin: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        process = start(*words, stdin=stdin, **environment)
        out, err = process.communicate(stdin, timeout=60)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    return to_its_end


def test_a_prompt_is_queued_read_and_canceled(run: Run) -> None:
    submitted = run("submit", "一个程序员", "--json")
    job = json.loads(submitted.stdout)
    shown, canceled = run("get", job["id"]), run("cancel", job["id"], "--json")

    assert (submitted.returncode, job["status"], submitted.stdout.count("\n")) == (0, "queued", 1)
    assert (shown.returncode, shown.stdout) == (0, f"{job['id']}  queued, position 1\n")
    assert (canceled.returncode, json.loads(canceled.stdout)["status"]) == (0, "canceled")


def test_every_option_is_a_field_of_the_request(run: Run, worker: HandWorker) -> None:
    story = ["--language", "en", "--scenes", "4-6", "--duration", "24.5", "--priority", "high"]
    sampling = ["--seed", "7", "--temperature", "0.5", "--top-p", "0.8", "--max-new-tokens", "400"]
    assert run("submit", "x", *story, *sampling, "--no-fallback", "--no-cache").returncode == 0

    request = worker.claim(worker.next_id()).request

    assert (request.language, request.min_scenes, request.max_scenes, request.priority) == ("en", 4, 6, "high")
    assert (request.target_duration_s, request.allow_fallback, request.use_cache) == (24.5, False, False)
    sampling = request.sampling
    assert (sampling.seed, sampling.temperature, sampling.top_p, sampling.max_new_tokens) == (7, 0.5, 0.8, 400)


@pytest.mark.parametrize(
    ("words", "limits"),
    [(["--scenes", "5"], (5, 5)), (["--min-scenes", "2", "--max-scenes", "9"], (2, 9)), ([], (3, 8))],
    ids=["one number", "two options", "the service's choice"],
)
def test_the_number_of_scenes_is_said_in_three_ways(
    run: Run, worker: HandWorker, words: list[str], limits: tuple[int, int]
) -> None:
    run("submit", "x", *words)
    request = worker.claim(worker.next_id()).request

    assert (request.min_scenes, request.max_scenes) == limits


def test_a_dash_reads_the_prompt_from_stdin(run: Run, worker: HandWorker) -> None:
    run("submit", "-", stdin="第一行\n第二行\n")

    assert worker.claim(worker.next_id()).request.prompt == "第一行\n第二行"


def test_waiting_prints_progress_lines_and_then_the_storyboard(start: Start, worker: HandWorker) -> None:
    process = start("submit", "[bold]森林[/bold]", "--wait")
    assert process.stderr is not None
    lines = [process.stderr.readline(), process.stderr.readline()]
    claim = worker.claim(worker.next_id())
    lines.append(process.stderr.readline())
    worker.tell(claim, tokens=42, scenes_done=1, fraction=0.25)
    lines.append(process.stderr.readline())
    worker.succeed(claim, "[bold]雾[/bold]")
    out, rest = process.communicate(timeout=30)

    assert lines[0].startswith("job ")
    assert lines[1:] == ["queued, position 1\n", "running\n", "running: writing, 42 tokens, 1 scenes, 25%\n"]
    assert (process.returncode, rest) == (0, "succeeded\n")
    assert "[bold]雾[/bold]  3 scenes, 15 s" in out  # a prompt is no markup
    assert "2  close up  5 s" in out
    assert "source: model" in out
    assert "\x1b" not in out


def test_json_keeps_stdout_to_one_object(start: Start, worker: HandWorker) -> None:
    process = start("submit", "x", "--wait", "--json")
    worker.succeed(worker.claim(worker.next_id()))
    out, _ = process.communicate(timeout=30)

    assert json.loads(out)["result"]["total_duration"] == 15


def test_a_job_that_failed_is_exit_1_and_says_why(run: Run, start: Start, worker: HandWorker) -> None:
    process = start("submit", "x", "--wait")
    job_id = worker.next_id()
    worker.fail(worker.claim(job_id))
    out, _ = process.communicate(timeout=30)

    assert process.returncode == 1
    assert "failed: no scenes in 40 characters (output_invalid)" in out
    assert [run(word, job_id).returncode for word in ("get", "wait")] == [1, 1]


def test_a_wait_that_takes_too_long_is_exit_1_and_the_job_goes_on(run: Run, api: httpx.Client) -> None:
    job_id = api.post("/jobs", json={"prompt": "x"}).json()["id"]

    told = run("wait", job_id, "--timeout", "0.5")

    assert (told.returncode, told.stdout) == (1, "")
    assert "not done after 0.5 s; it is queued" in told.stderr
    assert api.get(f"/jobs/{job_id}").json()["status"] == "queued"


def test_on_a_terminal_one_line_tells_the_progress(api: httpx.Client, worker: HandWorker) -> None:
    screen, terminal = pty.openpty()
    job_id = api.post("/jobs", json={"prompt": "x"}).json()["id"]
    process = subprocess.Popen(
        [COMMAND, "wait", job_id, "--url", str(api.base_url)],
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=terminal,
    )
    os.close(terminal)
    seen = b""
    while b"queued, position 1" not in seen:
        seen += os.read(screen, 4096)
    worker.succeed(worker.claim(job_id))
    out, _ = process.communicate(timeout=30)
    os.close(screen)

    assert process.returncode == 0
    assert b"\x1b[" in seen
    assert "3 scenes, 15 s" in out.decode()


def test_an_interrupt_is_exit_130_without_a_traceback(start: Start, worker: HandWorker) -> None:
    process = start("submit", "x", "--wait")
    assert process.stderr is not None
    said = [process.stderr.readline(), process.stderr.readline()]  # it waits now
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "Traceback" not in "".join(said) + rest


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nonsense"],
        ["submit"],
        ["submit", "x", "--scenes", "many"],
        ["submit", "x", "--scenes", "6-"],
        ["submit", "x", "--language", "fr"],
        ["submit", "x", "--seed", "one"],
        ["get"],
        ["queue", "--url", "nonsense"],
        ["submit", ""],
        ["submit", "x", "--scenes", "6-4"],
        ["submit", "x", "--duration", "nan"],
        ["submit", "x" * 70_000],
    ],
    ids=lambda words: " ".join(words)[:40],
)
def test_what_cannot_be_meant_is_exit_2_and_queues_nothing(run: Run, api: httpx.Client, words: list[str]) -> None:
    told = run(*words)

    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr
    assert "Traceback" not in told.stderr
    assert api.get("/queue").json()["depth"]["normal"] == 0


def test_a_refused_request_names_the_field(run: Run) -> None:
    assert "/max_scenes: must be at least min_scenes (6)" in run("submit", "x", "--scenes", "6-4").stderr


def test_an_unknown_job_is_exit_1(run: Run) -> None:
    for word in ("get", "wait", "cancel"):
        told = run(word, str(uuid4()))
        assert (told.returncode, told.stderr) == (1, "scriptqueue: No such job (not_found, 404)\n")


@pytest.mark.parametrize(
    "words", [["submit", "x"], ["get", "1"], ["wait", "1"], ["cancel", "1"], ["queue"], ["list"]], ids=" ".join
)
def test_a_service_that_cannot_be_reached_is_exit_3(run: Run, words: list[str]) -> None:
    told = run(*words, SCRIPTQUEUE_URL="http://127.0.0.1:1")

    assert (told.returncode, told.stdout) == (3, "")
    assert told.stderr.startswith("scriptqueue: no answer from http://127.0.0.1:1/")


def test_a_wait_survives_a_connection_that_is_cut(start: Start, api: httpx.Client, worker: HandWorker) -> None:
    wire = Wire(("127.0.0.1", api.base_url.port or 80))
    job_id = api.post("/jobs", json={"prompt": "x"}).json()["id"]
    process = start("wait", job_id, "--url", f"http://127.0.0.1:{wire.port}")
    assert process.stderr is not None
    assert process.stderr.readline() == "queued, position 1\n"
    wire.cut()
    worker.succeed(worker.claim(job_id))
    wire.mend()
    out, _ = process.communicate(timeout=30)
    wire.close()

    assert process.returncode == 0
    assert "3 scenes, 15 s" in out


def test_the_address_is_taken_before_and_after_the_command_and_wins_over_the_environment(
    run: Run, api: httpx.Client
) -> None:
    url, nowhere = str(api.base_url), {"SCRIPTQUEUE_URL": "http://127.0.0.1:1"}

    assert run("--url", url, "queue", **nowhere).returncode == 0
    assert run("queue", "--url", url, **nowhere).returncode == 0


def test_the_key_comes_from_the_option_or_the_environment(run: Run, serve: Serve) -> None:
    guarded = str(serve(api={"keys": "studio:key-1"}).base_url)

    told = [
        run("queue", SCRIPTQUEUE_URL=guarded),
        run("queue", "--api-key", "key-1", SCRIPTQUEUE_URL=guarded),
        run("queue", SCRIPTQUEUE_URL=guarded, SCRIPTQUEUE_API_KEY="key-1"),
    ]

    assert [t.returncode for t in told] == [1, 0, 0]
    assert "unauthorized" in told[0].stderr


def test_jobs_are_listed_newest_first(run: Run, api: httpx.Client) -> None:
    ids = [api.post("/jobs", json={"prompt": "x"}).json()["id"] for _ in range(3)]
    api.post(f"/jobs/{ids[0]}/cancel")
    shown, told = run("list", "--limit", "2"), run("list", "--status", "canceled", "--json")

    assert [line.split()[0] for line in shown.stdout.splitlines()] == [ids[2], ids[1]]
    assert "queued, position 2" in shown.stdout.splitlines()[0]
    assert [json.loads(line)["id"] for line in told.stdout.splitlines()] == [ids[0]]


def test_the_queue_is_shown_to_people_and_to_scripts(run: Run, worker: HandWorker) -> None:
    run("submit", "x", "--priority", "low")
    empty = run("queue")
    worker.beat()
    shown, told = run("queue"), run("queue", "--json")

    assert "waiting: 0 high, 0 normal, 1 low" in empty.stdout
    assert "no worker" in empty.stdout
    assert "by-hand" in shown.stdout
    assert json.loads(told.stdout)["workers"][0]["model"] == "stub"


@pytest.mark.parametrize("words", ["", "--json"], ids=["text", "json"])
def test_a_reader_that_leaves_early_causes_no_traceback(api: httpx.Client, words: str) -> None:
    script = f"{COMMAND} queue {words} --url {api.base_url} | true"

    told = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30, check=False)

    assert told.stderr == ""
