"""The second layer: one fault at a time, each with its limit, on real processes with the stub and a lease of 6 s."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from shared.rings import broker_lists
from tests.chaos.crowd import Crowd
from tests.chaos.report import Report, spread, words
from tests.chaos.stage import Stage, Worker, until

LAYER = "one"
ROWS = 8  # of a worker, as WORKER__MAX_BATCH
CANCELS = 100
POISON, INNOCENT = 5, 195


class Scene:
    """A stage with its crowd, and what every drill ends with."""

    def __init__(self, report: Report, stage: Stage, crowd: Crowd) -> None:
        self.report, self.stage, self.crowd = report, stage, crowd

    def drill(self, fault: str, play: Callable[[], str]) -> None:
        def checked() -> str:
            outcome = play()
            self.crowd.await_done()
            verify(self.crowd)
            return outcome

        self.report.check(LAYER, fault, checked)

    def jobs(self, count: int, seconds: float) -> list[str]:
        return [self.crowd.submit({"seconds": seconds}) for _ in range(count)]

    def busy(self, rows: int = 2 * ROWS) -> list[str]:
        """Jobs on every row, which stay there until `free`: what comes later waits."""
        ids = [self.crowd.submit({"hang": True}, expected=["canceled"]) for _ in range(rows)]
        self.crowd.await_running(ids, 60)
        return ids

    def free(self, ids: Sequence[str]) -> None:
        for job_id in ids:
            self.crowd.cancel(job_id)

    def running_on(self, worker: Worker, count: int) -> list[str]:
        """Ids of jobs that this worker runs, at least so many."""
        key = f"sq:held:{worker.worker_name}"
        ids: list[str] = until(
            lambda: len(held := list(self.stage.direct.smembers(key))) >= count and held, 30, f"{count} run"
        )
        return ids

    def again_after(self, worker: Worker, signal_it: Callable[[], None], within_s: float) -> list[float]:
        """How long after the fault each job of the worker was seen running once more."""
        before = self.crowd.attempts(self.running_on(worker, 2))
        at = time.monotonic()
        signal_it()
        return [seen - at for seen in self.crowd.await_again(before, within_s).values()]


def verify(crowd: Crowd) -> None:
    faults = [*crowd.violations, *crowd.unexpected(), *(f"{job_id} unfinished" for job_id in crowd.unfinished())]
    assert not faults, "; ".join(faults[:5])


def run(report: Report, folder: Path) -> None:
    """All but the poison, which needs a minute of restarts and runs beside other layers."""
    with Stage(folder / "drills") as stage, Crowd(stage.api_url, stage.redis_url) as crowd:
        stage.start_api(wired=True)
        stage.watch()
        first = stage.start_worker("first", wired=True)
        stage.ready(1)
        scene = Scene(report, stage, crowd)
        _alone(scene, first)
        second = stage.start_worker("second")
        stage.ready(2)
        _pair(scene, second)
        _frozen(scene, first)
        _links(scene)
        _doorbells(scene)
        _redis(scene)
        _api(scene)
        _unsupervised(scene)
        _drain(scene)


def _alone(scene: Scene, worker: Worker) -> None:
    """The only worker: its jobs wait for its successor to start."""
    waits: list[float] = []

    def kill() -> str:
        for _ in range(3):
            scene.jobs(ROWS, 3)
            waits.extend(scene.again_after(worker, lambda: worker.send_worker(signal.SIGKILL), 20))
            scene.crowd.await_done()
            time.sleep(6)  # a worker that lived for 10 s is replaced without a growing pause
        figures = scene.report.figures["kill_supervised_alone"] = spread(waits)
        assert figures["max"] <= 8, figures
        return f"jobs run on its successor: {words(figures)}"

    scene.drill("kill -9 of the only worker, supervised (3 times)", kill)


def _pair(scene: Scene, worker: Worker) -> None:
    waits: list[float] = []

    def kill() -> str:
        for _ in range(3):
            scene.jobs(ROWS, 3)
            waits.extend(scene.again_after(worker, lambda: worker.send_worker(signal.SIGKILL), 20))
            scene.crowd.await_done()
            scene.stage.ready(2)
        figures = scene.report.figures["kill_supervised_of_two"] = spread(waits)
        assert figures["p50"] <= 2, figures
        assert figures["max"] <= 8, figures
        return f"jobs run elsewhere: {words(figures)}"

    scene.drill("kill -9 of one of two workers, supervised (3 times)", kill)

    def cancel() -> str:
        took = []
        ids = [scene.crowd.submit({"hang": True}, expected=["canceled"]) for _ in range(CANCELS)]
        with scene.stage.http() as http:
            for job_id in ids:
                scene.crowd.await_running([job_id])
                at = time.monotonic()
                answer = http.post(f"/jobs/{job_id}/cancel")
                assert answer.status_code == 202, answer.text
                until(lambda: _status(scene, job_id) == "canceled", 10, "canceled", every_s=0.002)  # noqa: B023
                took.append(time.monotonic() - at)
        figures = scene.report.figures["cancel_running"] = spread(took)
        assert figures["p99"] < 0.25, figures
        return f"canceled and the row free: {words(figures)}"

    scene.drill(f"cancel of a running job ({CANCELS} times)", cancel)


def _frozen(scene: Scene, worker: Worker) -> None:
    def freeze() -> str:
        scene.jobs(2 * ROWS, 3)
        ids = scene.running_on(worker, 2)
        before = scene.crowd.attempts(ids)
        pid = worker.worker_pid
        worker.send_worker(signal.SIGSTOP)
        try:
            at = time.monotonic()
            seen = scene.crowd.await_again(before, 3 * scene.stage.lease_s)
            scene.crowd.await_done(ids)
        finally:
            worker.send_worker(signal.SIGCONT)
        assert worker.worker_pid == pid
        scene.stage.ready(2)
        time.sleep(2)  # its late answers come
        waits = spread([moment - at for moment in seen.values()])
        assert waits["max"] <= 1.5 * scene.stage.lease_s, waits
        return f"jobs run elsewhere: {words(waits)}; what it wrote when it woke was refused"

    scene.drill("SIGSTOP of a worker, woken when its jobs were answered", freeze)


def _links(scene: Scene) -> None:
    def cut(name: str, *, frozen: bool, for_s: float) -> Callable[[], str]:
        def play() -> str:
            scene.jobs(2 * ROWS, 3)
            wire = scene.stage.wires[name]
            wire.freeze() if frozen else wire.cut()
            time.sleep(for_s)
            wire.mend()
            later = scene.jobs(2, 0)
            at = time.monotonic()
            scene.crowd.await_done(later)
            return f"all finished; a new job was done {time.monotonic() - at:.1f} s after the link was back"

        return play

    scene.drill("a worker's connections refused for 3 s", cut("first", frozen=False, for_s=3))
    scene.drill("a worker's link black-holed for 9 s (1.5 leases)", cut("first", frozen=True, for_s=9))
    scene.drill("the API's connections refused for 3 s", cut("api", frozen=False, for_s=3))
    scene.drill("the API's link black-holed for 5 s", cut("api", frozen=True, for_s=5))


def _doorbells(scene: Scene) -> None:
    direct = scene.stage.direct

    def lost() -> str:
        busy = scene.busy()
        scene.jobs(30, 0.1)
        count = sum(int(direct.llen(name)) for name in broker_lists())
        direct.delete(*broker_lists())
        scene.free(busy)
        at = time.monotonic()
        scene.crowd.await_done()
        assert count >= 20, count
        return f"{count} lost, all rung again and done after {time.monotonic() - at:.1f} s"

    def doubled() -> str:
        busy = scene.busy()
        waiting = scene.jobs(30, 0.2)
        copies = 0
        for name in broker_lists():
            for message in direct.lrange(name, 0, -1):
                direct.lpush(name, message, message)
                copies += 2
        scene.free(busy)
        scene.crowd.await_done()
        assert copies >= 40, copies
        assert {scene.crowd.jobs[job_id].attempt for job_id in waiting} == {1}
        return f"{copies} copies, each job ran once"

    def garbage() -> str:
        before = int(direct.llen("sq:quarantine"))
        alive = {name: worker.worker_pid for name, worker in scene.stage.workers.items()}
        for name in broker_lists():
            for text in ("\x00\xff", "{}", "42", "[" * 10_000, '{"body": "!!!", "headers": {}, "properties": {}}'):
                direct.lpush(name, text)
        scene.jobs(ROWS, 0.1)
        scene.crowd.await_done()
        aside = until(lambda: (n := int(direct.llen("sq:quarantine")) - before) >= 15 and n, 20, "set aside")
        assert {name: worker.worker_pid for name, worker in scene.stage.workers.items()} == alive
        return f"{aside} set aside, both workers live"

    scene.drill("all doorbells lost", lost)
    scene.drill("each doorbell three times", doubled)
    scene.drill("garbage in each broker list", garbage)


def _redis(scene: Scene) -> None:
    direct = scene.stage.direct

    def killed() -> str:
        scene.jobs(40, 1)
        before = len(scene.crowd.jobs)
        scene.stage.redis.kill()
        until(scene.stage.redis_answers, 30, "Redis is back")
        scene.jobs(4, 0)
        at = time.monotonic()
        scene.crowd.await_done()
        return f"{before} jobs kept by the AOF; all done {time.monotonic() - at:.1f} s after its restart"

    def paused(how: Callable[[], None]) -> Callable[[], str]:
        def play() -> str:
            scene.jobs(2 * ROWS, 2)
            how()
            scene.jobs(4, 0)
            scene.crowd.await_done()
            return "all finished"

        return play

    def client_pause() -> None:
        direct.execute_command("CLIENT", "PAUSE", 4000, "ALL")

    def freeze() -> None:
        scene.stage.redis.send(signal.SIGSTOP)
        time.sleep(7)
        scene.stage.redis.send(signal.SIGCONT)

    def full() -> str:
        running = scene.jobs(2 * ROWS, 4)
        until(lambda: int(direct.zcard("sq:running")) >= ROWS, 30, "jobs run")
        try:
            direct.config_set("maxmemory", 1_000_000)
            with scene.stage.http() as http:
                at = time.monotonic()
                answer = http.post("/jobs", json={"prompt": "full"})
                took_s = time.monotonic() - at
            assert answer.status_code == 503, answer.text
            scene.crowd.await_done(running, 20)
        finally:
            direct.config_set("maxmemory", 0)
        scene.jobs(4, 0)
        return f"POST answered 503 in {took_s:.2f} s, all {len(running)} accepted jobs finished meanwhile"

    scene.drill("kill -9 of Redis, restarted with its AOF", killed)
    scene.drill("CLIENT PAUSE for 4 s", paused(client_pause))
    scene.drill("SIGSTOP of Redis for 7 s (over a lease)", paused(freeze))
    scene.drill("Redis out of memory", full)


def _api(scene: Scene) -> None:
    def killed() -> str:
        assert scene.stage.api
        with ThreadPoolExecutor(4) as pool:
            sent = [pool.submit(scene.jobs, 10, 0.1) for _ in range(4)]
            for _ in range(3):
                time.sleep(0.3)
                scene.stage.api.kill()
                until(scene.stage.api_answers, 30, "the API is back")
            ids = [job_id for future in sent for job_id in future.result()]
        scene.crowd.await_done()
        records = len(list(scene.stage.direct.scan_iter("sq:job:*", count=1000)))
        assert records == len(scene.crowd.jobs), f"{records} records of {len(scene.crowd.jobs)} jobs"
        return f"{len(ids)} jobs posted meanwhile, each once, all done"

    scene.drill("kill -9 of the API under load (3 times)", killed)


def _unsupervised(scene: Scene) -> None:
    bare = scene.stage.start_worker("bare", supervised=False)
    scene.stage.ready(3)

    def killed() -> str:
        waits: list[float] = []
        for _ in range(2):
            scene.jobs(3 * ROWS, 5)
            waits += scene.again_after(bare, lambda: bare.send(signal.SIGKILL), 30)
            scene.crowd.await_done()
            scene.stage.ready(3)
        figures = scene.report.figures["kill_unsupervised"] = spread(waits)
        assert figures["max"] <= 1.5 * scene.stage.lease_s, figures
        return f"jobs run elsewhere when the lease has ended: {words(figures)}"

    scene.drill("kill -9 of a worker without supervisor (2 times)", killed)

    def supervisor() -> str:
        second = scene.stage.workers["second"]
        scene.jobs(3 * ROWS, 5)
        waits = spread(scene.again_after(second, lambda: second.send(signal.SIGKILL), 30))
        assert waits["max"] <= 1.5 * scene.stage.lease_s, waits
        return f"its worker dies with it, jobs run elsewhere: {words(waits)}"

    scene.drill("kill -9 of a supervisor", supervisor)


def _drain(scene: Scene) -> None:
    def rolling() -> str:
        """Each worker in turn is told to end, under load; the stage starts the next."""
        with ThreadPoolExecutor(1) as pool:
            load = pool.submit(lambda: [scene.crowd.submit({"seconds": 0.5}) for _ in range(60)])
            codes = []
            for worker in scene.stage.workers.values():
                process = worker.pid
                worker.send(signal.SIGTERM)
                codes.append(until(lambda: worker.pid != process, 60, "ended and started again"))  # noqa: B023
                scene.stage.ready(1)
            load.result()
        scene.crowd.await_done()
        again = sum(seen.attempt > 1 for seen in list(scene.crowd.jobs.values())[-60:])
        return f"{len(codes)} workers replaced under 60 jobs, none failed, {again} ran twice"

    scene.drill("SIGTERM to each worker in turn", rolling)


def poison(report: Report, folder: Path) -> None:
    with (
        Stage(folder / "poison") as stage,
        Crowd(stage.api_url, stage.redis_url) as crowd,
    ):
        stage.start_api()
        stage.watch()
        stage.start_worker("first")
        stage.start_worker("second")
        stage.ready(2)

        def play() -> str:
            ids = []
            for number in range(POISON + INNOCENT):
                if number % ((POISON + INNOCENT) // POISON) == 20:
                    ids.append(crowd.submit({"crash": True, "seconds": 0.2}, expected=["failed"]))
                else:
                    crowd.submit({"seconds": 0.3})
            crowd.await_done(within_s=180)
            verify(crowd)
            codes = [json.loads(crowd.jobs[job_id].record["error"])["code"] for job_id in ids]
            assert codes == ["worker_lost"] * POISON, codes
            with stage.http() as http:
                dead = http.get("/dead").json()
            assert len(json.dumps(dead).split('"prompt"')) - 1 == POISON, dead
            again = sum(seen.attempt - 1 for seen in crowd.jobs.values())
            return f"exactly those {POISON} failed as worker_lost; {again} extra runs"

        report.check(LAYER, f"{POISON} poison jobs among {POISON + INNOCENT}", play)


def _status(scene: Scene, job_id: str) -> str | None:
    return scene.stage.direct.hget(f"sq:job:{job_id}", "status")  # type: ignore[return-value]
