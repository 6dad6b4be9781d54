"""`scriptqueue` as a person and as a script use it: a process of its own against the real API."""

from __future__ import annotations

import io
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from scriptqueue.cli.main import main
from tests.integration.api.handworker import HandWorker
from tests.integration.api.serving import Serve
from tests.integration.api.wire import Wire

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
                    errors="replace",
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
    drawn = request.sampling
    assert (drawn.seed, drawn.temperature, drawn.top_p, drawn.max_new_tokens) == (7, 0.5, 0.8, 400)


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


@pytest.mark.parametrize("source", ["file", "stdin", "dash"])
def test_a_finished_script_is_all_of_a_file(run: Run, worker: HandWorker, tmp_path: Path, source: str) -> None:
    script = "第一行。\n\n{第二行。}"
    (tmp_path / "script.txt").write_text(f"{script}\n", encoding="utf-8")
    words = {"file": ("--file", str(tmp_path / "script.txt")), "stdin": ("--file", "-"), "dash": ("-",)}[source]

    run("submit", "--mode", "break_down", *words, stdin=f"{script}\n")
    request = worker.claim(worker.next_id()).request

    assert (request.mode, request.prompt, request.fields) == ("break_down", script, ("narration",))


def test_a_script_is_given_in_one_way(run: Run, tmp_path: Path) -> None:
    done = run("submit", "--mode", "break_down", "x", "--file", str(tmp_path / "script.txt"))

    assert done.returncode == 2
    assert "not both" in done.stderr


def test_waiting_prints_progress_lines_and_then_the_storyboard(start: Start, worker: HandWorker) -> None:
    process = start("submit", "[bold]森林[/bold]", "--wait")
    assert process.stderr is not None
    lines = [process.stderr.readline(), process.stderr.readline()]
    claim = worker.claim(worker.next_id())
    lines.append(process.stderr.readline())
    worker.report(claim, tokens=42, scenes_done=1, fraction=0.25)
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


@pytest.mark.parametrize("word", ["run", "wait", "retry", "rewrite"])
def test_a_log_gets_a_line_for_each_stage_and_none_for_each_poll(
    start: Start, api: httpx.Client, worker: HandWorker, word: str
) -> None:
    # As CI systems set it; a log is no terminal all the same.
    process = start(*waiting(word, api, worker), FORCE_COLOR="1")
    assert process.stderr is not None
    lines = [line for line in iter(process.stderr.readline, "queued, position 1\n") if not line.startswith("job ")]
    claim = worker.claim(worker.next_id())
    lines.append(process.stderr.readline())
    for scenes in range(1, 4):
        for tokens in range(3):
            worker.report(claim, tokens=10 * scenes + tokens, scenes_done=scenes - 1, fraction=0.25)
            time.sleep(0.02)  # for a poll
        worker.report(claim, tokens=10 * scenes + 9, scenes_done=scenes, fraction=0.25)
        lines.append(process.stderr.readline())
    worker.succeed(claim)
    _, rest = process.communicate(timeout=30)

    written = [f"running: writing, {scenes}9 tokens, {scenes} scenes, 25%\n" for scenes in range(1, 4)]
    assert (lines, rest) == (["running\n", *written], "succeeded\n")


def waiting(word: str, api: httpx.Client, worker: HandWorker) -> list[str]:
    """The words of a command that waits for a job which is queued."""
    if word == "run":
        return ["run", "x"]
    job_id = str(api.post("/jobs", json={"prompt": "x"}).json()["id"])
    if word == "wait":
        return ["wait", job_id]
    claim = worker.claim(worker.next_id())
    if word == "retry":
        worker.fail(claim)
        return ["retry", job_id, "--wait"]
    worker.succeed(claim)
    return ["rewrite", job_id, "1", "--wait"]


def test_of_many_prompts_a_log_gets_a_line_for_each_tenth(run: Run) -> None:
    done = run("submit", "--file", "-", stdin="x\n" * 30)

    assert [line.split()[0] for line in done.stderr.splitlines()] == ["1", *(str(count) for count in range(3, 31, 3))]


def test_what_was_read_in_the_prompt_stands_beside_the_storyboard(start: Start, worker: HandWorker) -> None:
    process = start("submit", "一只猫，分3个镜头", "--wait")
    worker.succeed(worker.claim(worker.next_id()))
    out, _ = process.communicate(timeout=30)

    assert '"3个镜头" in the prompt: max_scenes is 3' in out.replace("\n", "")


def test_a_prompt_may_be_taken_for_a_story_alone(start: Start, worker: HandWorker) -> None:
    start("submit", "一只猫，分3个镜头", "--no-read-prompt", "--no-distinct")
    request = worker.claim(worker.next_id()).request

    assert (request.read_prompt, request.max_scenes, request.distinct) == (False, 8, False)


def test_an_outline_may_be_asked_for(start: Start, worker: HandWorker) -> None:
    start("submit", "一只猫", "--outline")

    assert worker.claim(worker.next_id()).request.outline


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

    done = run("wait", job_id, "--timeout", "0.5")

    assert (done.returncode, done.stdout) == (1, "")
    assert "not done after 0.5 s; it is queued" in done.stderr
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
    lines = [process.stderr.readline(), process.stderr.readline()]  # it waits now
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=30)

    assert process.returncode == 130
    assert f"`scriptqueue wait {lines[0].split()[1]}` follows it" in rest
    assert "Traceback" not in "".join(lines) + rest


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nonsense"],
        ["submit"],
        ["submit", "x", "--scenes", "many"],
        ["submit", "x", "--scenes", "6-"],
        ["submit", "x", "--language", "fr_FR"],
        ["submit", "x", "--seed", "one"],
        ["get"],
        ["queue", "--url", "nonsense"],
        ["submit", ""],
        ["submit", "x", "--metadata", "[1]"],
        ["submit", "x", "y", "--file", "-"],
        ["submit", "--file", "no-such-file"],
        ["submit", "x", "--idempotency-key", "夜"],
        ["render"],
        ["render", "--file", "no-such-file"],
        ["submit", "x", "--scenes", "6-4"],
        ["submit", "x", "--duration", "nan"],
        ["submit", "x" * 70_000],
    ],
    ids=lambda words: " ".join(words)[:40],
)
def test_what_cannot_be_meant_is_exit_2_and_queues_nothing(run: Run, api: httpx.Client, words: list[str]) -> None:
    done = run(*words)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr
    assert "Traceback" not in done.stderr
    assert api.get("/queue").json()["depth"]["normal"] == 0


def test_a_refused_request_names_the_field(run: Run) -> None:
    assert "/max_scenes: must be at least min_scenes (6)" in run("submit", "x", "--scenes", "6-4").stderr


def test_an_unknown_job_is_exit_1_and_named(run: Run) -> None:
    for word in ("get", "wait", "cancel"):
        done = run(word, job_id := str(uuid4()))
        assert done.returncode == 1
        assert done.stderr.startswith("scriptqueue: No such job")
        assert f": /jobs/{job_id}" in done.stderr


@pytest.mark.parametrize(
    "words", [["submit", "x"], ["get", "1"], ["wait", "1"], ["cancel", "1"], ["queue"], ["list"]], ids=" ".join
)
def test_a_service_that_cannot_be_reached_is_exit_3(run: Run, words: list[str]) -> None:
    done = run(*words, SCRIPTQUEUE_URL="http://127.0.0.1:1")

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("scriptqueue: no answer from http://127.0.0.1:1/")


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

    runs = [
        run("queue", SCRIPTQUEUE_URL=guarded),
        run("queue", "--api-key", "key-1", SCRIPTQUEUE_URL=guarded),
        run("queue", SCRIPTQUEUE_URL=guarded, SCRIPTQUEUE_API_KEY="key-1"),
    ]

    assert [done.returncode for done in runs] == [1, 0, 0]
    assert "(unauthorized, 401). Set SCRIPTQUEUE_API_KEY, or give --api-key" in runs[0].stderr


def test_jobs_are_listed_newest_first(run: Run, api: httpx.Client) -> None:
    ids = [api.post("/jobs", json={"prompt": prompt}).json()["id"] for prompt in "xyz"]
    api.post(f"/jobs/{ids[0]}/cancel")
    shown, as_json = run("list", "--limit", "2"), run("list", "--status", "canceled", "--json")

    assert [line.split()[0] for line in shown.stdout.splitlines()] == [ids[2], ids[1]]
    assert "queued, position 2" in shown.stdout.splitlines()[0]
    assert [json.loads(line)["id"] for line in as_json.stdout.splitlines()] == [ids[0]]


def test_the_queue_is_shown_to_people_and_to_scripts(run: Run, worker: HandWorker) -> None:
    run("submit", "y")
    worker.fail(worker.claim(worker.next_id()))
    run("submit", "x", "--priority", "low")
    empty = run("queue")
    worker.beat(attention="sdpa")
    shown, as_json = run("queue"), run("queue", "--json")

    assert "waiting: 0 high, 0 normal, 1 low" in empty.stdout
    assert "no worker" in empty.stdout
    assert "by-hand" in shown.stdout
    assert "sdpa" in shown.stdout
    assert "failed in the last hour: 1 output_invalid\n" in shown.stdout
    assert json.loads(as_json.stdout)["workers"][0]["model"] == "stub"


@pytest.mark.parametrize("words", ["", "--json"], ids=["text", "json"])
def test_a_reader_that_leaves_early_causes_no_traceback(api: httpx.Client, words: str) -> None:
    script = f"{COMMAND} queue {words} --url {api.base_url} | true"

    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30, check=False)

    assert done.stderr == ""


def test_the_jobs_own_options_are_fields_of_the_request(run: Run, worker: HandWorker) -> None:
    times = ["--queue-timeout", "60", "--execution-timeout", "30", "--result-ttl", "90"]
    more = ["--metadata", '{"shot": "7b"}', "--deadline", "2099-01-01T00:00:00Z", "--quality-keywords", "8k"]
    first, again = (run("submit", "x", *times, *more, "--idempotency-key", "k", "--json") for _ in range(2))

    request = worker.claim(worker.next_id()).request

    assert json.loads(first.stdout)["id"] == json.loads(again.stdout)["id"]
    assert (request.queue_timeout_s, request.execution_timeout_s, request.result_ttl_s) == (60, 30, 90)
    assert (request.metadata, request.quality_keywords) == ({"shot": "7b"}, "8k")
    assert request.deadline is not None


def test_a_file_of_prompts_and_requests_becomes_jobs_in_its_order(run: Run, worker: HandWorker) -> None:
    file = '第一\r\n\n{"prompt": "second", "priority": "high"}\n{"prompt": ""}\n'

    done = run("submit", "--file", "-", "--json", stdin=file)

    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert [line.get("priority") for line in lines] == ["normal", "high", None]
    assert lines[2]["error"]["code"] == "invalid_request"
    assert "prompt 3: " in done.stderr
    assert "2 of 3 submitted, 1 refused" in done.stderr
    prompts = {str(line["id"]): worker.claim(str(line["id"])).request.prompt for line in lines[:2]}
    assert list(prompts.values()) == ["第一", "second"]


def test_several_prompts_are_waited_for_and_one_that_fails_is_exit_1(start: Start, worker: HandWorker) -> None:
    process = start("submit", "a", "b", "--wait", "--json")
    ended = {"a": worker.succeed, "b": worker.fail}
    for _ in range(2):
        claim = worker.claim(worker.next_id())
        ended[claim.request.prompt](claim)
    out, err = process.communicate(timeout=60)

    assert process.returncode == 1
    assert [json.loads(line)["status"] for line in out.splitlines()] == ["succeeded", "failed"]
    assert "2 of 2 submitted, 1 succeeded, 1 unsuccessful" in err


def test_an_interrupt_of_many_says_that_they_go_on(start: Start, worker: HandWorker) -> None:
    process = start("submit", "a", "b", "--wait")
    ids = [worker.next_id(), worker.next_id()]
    worker.succeed(worker.claim(ids[0]))
    assert process.stdout is not None
    assert process.stderr is not None
    line = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "1 succeeded" in line
    assert "2 of 2 submitted, 1 succeeded; the accepted ones go on" in rest
    assert "Traceback" not in rest


def test_events_are_lines_for_people_and_for_scripts(run: Run, api: httpx.Client, worker: HandWorker) -> None:
    job_id = api.post("/jobs", json={"prompt": "x"}).json()["id"]
    claim = worker.claim(job_id)
    worker.report(claim, tokens=42, scenes_done=1, fraction=0.25)
    worker.succeed(claim)

    shown, as_json = run("events", job_id), run("events", job_id, "--json", "--after", "2")

    assert shown.stdout.splitlines()[:4] == [
        "1  queued",
        "2  running, attempt 1",
        "3  scene 1: medium shot, 5 s: 清晨的森林 1",
        "4  writing, 42 tokens, 1 scenes, 25%",
    ]
    assert shown.stdout.splitlines()[-1].endswith("done: succeeded")
    events = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert (events[0]["id"], events[0]["event"], events[0]["data"]["scene_number"]) == (3, "scene", 1)


def test_a_failed_job_is_tried_again_and_then_deleted(run: Run, api: httpx.Client, worker: HandWorker) -> None:
    job_id = api.post("/jobs", json={"prompt": "x"}).json()["id"]
    worker.fail(worker.claim(job_id))

    assert run("events", job_id).returncode == 1
    assert json.loads(run("retry", job_id, "--json").stdout)["retry_of"] == job_id
    assert [run("delete", job_id).returncode for _ in range(2)] == [0, 1]
    assert "(gone, 410)" in run("get", job_id).stderr


def test_the_dead_list_is_empty_while_nobody_dies(run: Run) -> None:
    assert (run("dead").returncode, run("dead", "--json").stdout) == (0, "")
    assert run("dead", "--requeue", str(uuid4())).returncode == 1


def test_a_sheet_is_drawn_of_a_job_and_of_a_file_alike(
    run: Run, api: httpx.Client, worker: HandWorker, tmp_path: Path
) -> None:
    job_id = api.post("/jobs", json={"prompt": "x"}).json()["id"]
    early = run("render", job_id)
    worker.succeed(worker.claim(job_id))
    (tmp_path / "job.json").write_text(run("get", job_id, "--json").stdout)
    board = run("result", job_id).stdout
    nowhere = {"SCRIPTQUEUE_URL": "http://127.0.0.1:1"}

    drawn = run("render", job_id)
    again = run("render", "--file", str(tmp_path / "job.json"), **nowhere)
    page = run("render", "--file", "-", "--format", "html", stdin=board, **nowhere)
    pixels = run("render", job_id, "-o", str(tmp_path / "sheet.png"))

    assert (early.returncode, early.stdout) == (1, "")
    assert "there is no storyboard: the job is queued" in early.stderr
    assert drawn.stdout == again.stdout
    assert drawn.stdout.startswith("<svg ")
    assert "tokens" not in drawn.stdout  # nobody draws after those
    assert "视频提示词" in run("render", job_id, "--prompts").stdout
    assert "清晨的森林 1" in page.stdout
    assert (pixels.returncode, (tmp_path / "sheet.png").read_bytes()[:4]) == (0, b"\x89PNG")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"title": "x", "total_duration": 3, "scenes": []}'])
def test_what_is_no_storyboard_is_not_drawn(run: Run, text: str) -> None:
    done = run("render", "--file", "-", stdin=text)

    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_bash_completes_commands_and_options(run: Run) -> None:
    script = run("--print-completion", "bash").stdout
    completions = """
for words in 'scriptqueue ca' 'scriptqueue submit --idem' 'scriptqueue render --format p'; do
  COMP_LINE=$words; COMP_WORDS=($words); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=()
  _shtab_scriptqueue
  echo "${COMPREPLY[*]}"
done"""

    done = subprocess.run(["bash", "-c", script + completions], capture_output=True, text=True, timeout=30, check=False)

    assert done.stdout.split() == ["cancel", "--idempotency-key", "png"], done.stderr


def test_a_key_that_is_unknown_is_told_apart_from_none(run: Run, serve: Serve) -> None:
    guarded = str(serve(api={"keys": "studio:key-1"}).base_url)

    by_option = run("queue", "--api-key", "key-2", SCRIPTQUEUE_URL=guarded)
    by_environment = run("queue", SCRIPTQUEUE_URL=guarded, SCRIPTQUEUE_API_KEY="key-2")

    assert "It does not know the key of --api-key" in by_option.stderr
    assert "It does not know the key in SCRIPTQUEUE_API_KEY" in by_environment.stderr
    assert "key-2" not in by_option.stderr + by_environment.stderr


def test_a_service_that_is_down_is_told_at_once_and_then_what_to_do(run: Run) -> None:
    done = run("queue", "--url", "http://127.0.0.1:1")

    first, *_, last = done.stderr.splitlines()
    assert first.startswith("scriptqueue: no answer from http://127.0.0.1:1/")
    assert first.endswith("trying again")
    assert "`make up` starts it; --url or SCRIPTQUEUE_URL" in last
    assert done.returncode == 3


def test_a_path_before_the_services_own_is_named(run: Run, api: httpx.Client) -> None:
    done = run("queue", "--url", f"{api.base_url}/api")

    assert (done.returncode, f"{api.base_url}/api/queue; is the address right?" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["submit", "x", "--scene", "3"], "there is no option --scene; did you mean --scenes?"),
        (["submit", "x", "--wai"], "there is no option --wai; did you mean --wait?"),
        (["submit", "x", "--max-scene=3"], "there is no option --max-scene=3; did you mean --max-scenes?"),
        (["get", "x", "--jsn"], "there is no option --jsn; did you mean --json?"),
        (["queue", "--zzz"], "there is no option --zzz"),
        (["sumbit", "x"], "did you mean submit?"),
        (["list", "--status", "succeded"], "did you mean succeeded?"),
        (["submit"], "give a PROMPT, `-` to read one from stdin, or --file FILE"),
    ],
)
def test_what_is_misspelt_is_the_first_thing_that_is_said(run: Run, words: list[str], error: str) -> None:
    done = run(*words)

    assert done.returncode == 2
    assert error in done.stderr.splitlines()[0]
    assert len(done.stderr.splitlines()) <= 2


def test_a_file_of_another_encoding_is_told_with_a_way_out(run: Run, tmp_path: Path) -> None:
    (tmp_path / "gbk.txt").write_bytes("雨中的猫".encode("gbk"))

    assert f"iconv -f GBK -t UTF-8 {tmp_path}/gbk.txt" in run("submit", "--file", str(tmp_path / "gbk.txt")).stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "gbk"])
@pytest.mark.parametrize("words", [[], ["--json"]], ids=["text", "json"])
def test_an_output_that_is_not_utf_8_shows_the_result_all_the_same(
    start: Start, worker: HandWorker, encoding: str, words: list[str]
) -> None:
    process = start("submit", "x", "--wait", *words, PYTHONIOENCODING=encoding)
    worker.succeed(worker.claim(worker.next_id()), "雾🚀é")
    out, err = process.communicate(timeout=30)

    assert process.returncode == 0, err
    if words:
        assert json.loads(out)["result"]["title"] == "雾🚀é"


HOSTILE = "\x1b]0;pwned\x07\x9b31mx\u202e"


def test_nothing_that_a_terminal_obeys_reaches_it(run: Run, start: Start, worker: HandWorker) -> None:
    process = start("submit", "x", "--metadata", json.dumps({"note": HOSTILE}), "--wait")
    worker.succeed(worker.claim(job_id := worker.next_id()))
    outputs = [process.communicate(timeout=30)[0]]
    outputs += [run(*words).stdout for words in (["get", job_id], ["get", job_id, "--json"], ["list"])]
    outputs.append(run("get", HOSTILE).stderr)

    assert all(obeyed not in output for output in outputs for obeyed in "\x1b\x07\x9b\u202e")
    assert json.loads(outputs[2])["metadata"]["note"] == HOSTILE


def test_a_list_names_the_storyboards_and_takes_the_pages_word(run: Run, worker: HandWorker) -> None:
    run("submit", "x")
    worker.succeed(worker.claim(worker.next_id()), "雾中的灯塔")

    assert run("list", "--status", "done").stdout.endswith("succeeded  雾中的灯塔\n")


class Head(io.FileIO):
    """A pipe whose reader takes what is written first, and leaves."""

    def __init__(self) -> None:
        self._reader, writer = os.pipe()
        super().__init__(writer, "w")

    def write(self, data: Any, /) -> int:
        written = super().write(data)
        if self._reader >= 0:
            os.close(self._reader)
            self._reader = -1
        return written


def test_what_is_left_when_the_reader_has_gone_causes_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    stdout = io.TextIOWrapper(io.BufferedWriter(Head()), encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", stdout)

    with suppress(SystemExit):
        main(["--print-completion", "bash"])

    stdout.close()  # as the interpreter does at its exit
