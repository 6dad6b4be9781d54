"""What is promised, as somebody outside can check it: from what clients, workers and receivers were answered, and from
what was done to them. It looks behind no answer, and knows no script and no key of Redis.

Each check names its promise in words of README.md and docs/guarantees.md. After a failover only what was known when the
replica was last in step counts: `copy` is taken then.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from scriptqueue.schemas import Job, JobRequest
from shared.rings import Ring, lane_model
from tests.simulate.lanes import Lane, Lanes, lane_of
from tests.simulate.world import Violation, World

ONE_FINAL_STATE = "Accepted means that the job will reach exactly one final state, and its answer is one"
ONE_RUNS = "a job runs on another worker only when its lease has ended or was given up"
NOT_ROBBED = "who renews its lease in time keeps its job"
REFUSED = "what an outdated attempt writes is refused"
SCENES_STAY = "a scene that was published once stays as it is"
EVENTS_STAY = "events are numbered; the same number always tells the same; `done` comes once, and last"
CANCEL_STANDS = "an accepted cancel stands, and nothing is canceled that nobody asked for"
NOT_EARLY = "no wait is cut short: a job expires only after its own time in the queue"
GIVEN_BACK = "a dead worker's supervisor gives its jobs back at once"
BLAME = "a job fails as worker_lost only after crashes of its own worker or 8 losses"
ONE_KEY = "a POST that is repeated with its key makes one job"
NOTHING_LOST = "nothing is dropped: what was accepted is found until its lifetime ends"
WEBHOOKS = "each event has one webhook-id; nobody else sends it while its sender lives"
DONE_IS_SENT = "a receiver that answers gets how its job ended"
OF_ITS_MODEL = "a job that names its model is written by a worker of that model, and by no other"
RUNG_THERE = "a job that names its model is rung where workers of that model hear it"
SHARED = "clients share a lane by their weights, whoever queued more"
NOT_IN_VAIN = "left-over doorbells keep nobody waiting"
AGREE = "records and indexes agree at every moment"
LOSSES, CRASHES = 8, 3
KEPT = ("wait", "newer", "other_model", "unknown")  # why a doorbell comes to nothing, and says nothing of its lane
DAY_MS = 86_400_000


@dataclass
class Known:
    """A job, as far as those outside know it. Times are of the clock that never jumps, but `made_on_server_ms`, which
    also counts the server's jumps forward."""

    job_id: str
    client: str
    request: JobRequest
    made_ms: int
    made_on_server_ms: int
    final: str | None = None
    answer: str | None = None
    scenes: list[str] = field(default_factory=list)
    events: dict[int, str] = field(default_factory=dict)
    letters: dict[int, tuple[str, str]] = field(default_factory=dict)
    delivered: set[int] = field(default_factory=set)
    cancel_wanted: bool = False
    canceling: bool = False
    deleted: bool = False
    running: bool = False
    by_older: bool = False  # it, or one like it, was ended by a version that knows no lanes

    @property
    def group(self) -> str:
        """Those that may share one text."""
        alike = f"{self.client} {self.request.prompt} {self.request.model}"
        return alike if self.request.use_cache else self.job_id

    @property
    def owes_nothing(self) -> bool:
        """Its receiver has heard how it ended, or there is none."""
        heard = {event for number, (event, _) in self.letters.items() if number in self.delivered}
        return not self.request.webhook or "done" in heard

    def copy(self) -> Known:
        return replace(
            self,
            scenes=list(self.scenes),
            events=dict(self.events),
            letters=dict(self.letters),
            delivered=set(self.delivered),
        )


@dataclass(frozen=True)
class Held:
    """Who may write a job, or send an event, and until when if it says nothing more."""

    token: str
    until_ms: int


@dataclass
class Promises:
    world: World
    lease_ms: int
    jobs: dict[str, Known] = field(default_factory=dict)
    keys: dict[str, tuple[str, int]] = field(default_factory=dict)  # what each made, and when
    held: dict[str, Held] = field(default_factory=dict)
    sent: dict[str, Held] = field(default_factory=dict)
    authors: dict[str, set[str]] = field(default_factory=dict)  # of a group: the attempts that wrote a result
    failed: set[str] = field(default_factory=set)  # groups of which an attempt told a failure
    crashes: dict[str, int] = field(default_factory=dict)  # of a group's worker
    claims: dict[str, int] = field(default_factory=dict)
    ran_on: dict[str, set[str]] = field(default_factory=dict)  # a worker: the groups of what was started there
    jumped_ms: int = 0  # forward, in sum
    lanes: Lanes = field(default_factory=Lanes)  # anew after a failover: what waits then, nobody can say

    def copy(self) -> Promises:
        """All that is known now."""
        return replace(
            self,
            jobs={job_id: job.copy() for job_id, job in self.jobs.items()},
            keys=dict(self.keys),
            held=dict(self.held),
            sent=dict(self.sent),
            authors={group: set(authors) for group, authors in self.authors.items()},
            failed=set(self.failed),
            crashes=dict(self.crashes),
            claims=dict(self.claims),
            lanes=Lanes(),
        )

    def after_failover(self, then: Promises) -> Promises:
        """What still counts. What was done to workers was done, and what they sent may still come."""
        for group, authors in self.authors.items():
            then.authors.setdefault(group, set()).update(authors)
        for job_id in then.jobs.keys() & self.jobs.keys():
            then.jobs[job_id].cancel_wanted = self.jobs[job_id].cancel_wanted
        return replace(then, failed=self.failed, crashes=self.crashes, claims=self.claims, jumped_ms=self.jumped_ms)

    # Jobs and their clients.

    def made(self, job_id: str, client: str, request: JobRequest, key: str) -> None:
        """A job entered the store, whether or not its client heard of it."""
        made_ms = self.world.passed_ms
        self.jobs[job_id] = Known(job_id, client, request, made_ms, made_ms + self.jumped_ms)
        self.lanes.made(job_id, client, request, made_ms)
        if not key:
            return
        self.keyed(key, job_id)

    def keyed(self, key: str, made: str) -> None:
        before, at_ms = self.keys.get(key, (made, 0))
        if before != made and self._on_server_ms - at_ms < DAY_MS:
            self._broken(ONE_KEY, f"{key} made {before} and {made}")
        self.keys[key] = made, self._on_server_ms

    def repeated(self, key: str, answered: str) -> None:
        made = self.keys.get(key, ("nothing", 0))[0]
        if made != answered:
            self._broken(ONE_KEY, f"{key} made {made}, and was answered {answered}")

    def cancel_wanted(self, job_id: str) -> None:
        if job_id in self.jobs:
            self.jobs[job_id].cancel_wanted = True
        self.lanes.touched(job_id)

    def canceled(self, job_id: str, status: str) -> None:
        """Its client asked for a cancel, and was answered this."""
        self.status(job_id, status)
        if status in ("queued", "running"):
            self._broken(CANCEL_STANDS, f"{job_id} was canceled, and is {status}")

    def gone(self, job_id: str, *, known: bool) -> None:
        """Its client was told that it is no more; `known`: that there was one."""
        job = self.jobs.get(job_id)
        if not job or job.deleted:
            return
        if not known or self._on_server_ms - job.made_on_server_ms < job.request.result_ttl_s * 1000:
            self._broken(NOTHING_LOST, f"{job_id} is {'gone' if known else 'not found'}")
        job.final = job.final or "gone"

    def read(self, job: Job) -> None:
        """What a client was told of a job."""
        known = self.jobs.get(str(job.id))
        if not known:
            return
        if known.deleted:
            self._broken(NOTHING_LOST, f"{known.job_id} was deleted and is back")
        self.status(known.job_id, str(job.status))
        scenes = [scene.description for scene in job.scenes]
        self.scenes(known.job_id, scenes)
        if not job.done:
            return
        title = job.result.title if job.result else None
        answer = f"{job.status} {title} {scenes if title else None} {job.error.code if job.error else None}"
        if known.answer not in (None, answer):
            self._broken(ONE_FINAL_STATE, f"{known.job_id} was answered {known.answer}, and now {answer}")
        known.answer = answer
        if title and title not in self.authors.get(known.group, ()):
            self._broken(REFUSED, f"{known.job_id} has a result that nobody wrote: {title}")
        if job.error:
            self._failed(known, job.error.code)

    def status(self, job_id: str, status: str) -> None:
        known = self.jobs.get(job_id)
        if not known:
            return
        if known.final not in (None, status):
            self._broken(ONE_FINAL_STATE, f"{job_id} was {known.final}, and now is {status}")
        if known.canceling and status not in ("canceling", "canceled"):
            self._broken(CANCEL_STANDS, f"{job_id} was told to stop, and now is {status}")
        if status in ("canceling", "canceled") and not known.cancel_wanted:
            self._broken(CANCEL_STANDS, f"{job_id} is {status}, and nobody asked for it")
        if status == "expired" and self.world.passed_ms - known.made_ms < known.request.queue_timeout_s * 1000:
            self._broken(NOT_EARLY, f"{job_id} expired after {self.world.passed_ms - known.made_ms} ms")
        known.running = status in ("running", "canceling")
        known.canceling = known.canceling or status == "canceling"
        if status in ("succeeded", "failed", "canceled", "expired"):
            known.final = status

    def scenes(self, job_id: str, scenes: list[str]) -> None:
        known = self.jobs.get(job_id)
        if not known:
            return
        if scenes[: len(known.scenes)] != known.scenes:
            self._broken(SCENES_STAY, f"{job_id} had {known.scenes}, and now {scenes}")
        known.scenes = scenes

    def events(self, job_id: str, after: int, events: list[tuple[int, str, str]]) -> None:
        """What a client was told after an event that it knew: number, name and data of each."""
        known = self.jobs.get(job_id)
        if not known:
            return
        last = after
        for number, name, data in events:
            heard = f"{name} {data}" if name in ("scene", "status") else name
            if number <= last or known.events.get(number, heard) != heard:
                self._broken(EVENTS_STAY, f"{job_id}: {number} was {known.events.get(number)}, and now is {heard}")
            if number != last + 1 and number - 1 in known.events and known.events[number - 1] != "progress":
                self._broken(EVENTS_STAY, f"{job_id}: {known.events[number - 1]} is left out before {number}")
            known.events[number] = heard
            last = number
        if "done" in known.events.values() and known.events[max(known.events)] != "done":
            self._broken(EVENTS_STAY, f"{job_id}: something comes after done: {known.events}")

    def _failed(self, known: Known, code: str) -> None:
        crashes, claims = self.crashes.get(known.group, 0), self.claims.get(known.group, 0)
        if code == "worker_lost" and crashes < CRASHES and claims < LOSSES:
            self._broken(BLAME, f"{known.job_id} failed after {crashes} crashes and {claims} starts")
        if code == "output_invalid" and known.group not in self.failed:
            self._broken(REFUSED, f"{known.job_id} failed, and no attempt said so")

    # Workers.

    def rung(self, ring: Ring) -> None:
        """Somebody was given this doorbell to ring. What an older version put among the jobs of any model is rung
        there, until a worker of another one hears it."""
        job = self.jobs.get(ring.job_id)
        if job and not job.by_older and ring.model != lane_model(job.request.model):
            self._broken(RUNG_THERE, f"{job.job_id} names {job.request.model}, and its doorbell {ring.model}")

    def claimed(self, job_id: str, token: str, scenes: list[str], model: str) -> None:
        """`model`: that its worker serves; empty: none."""
        if job_id in self.jobs and self.jobs[job_id].request.model not in (None, model):
            self._broken(OF_ITS_MODEL, f"{job_id} names {self.jobs[job_id].request.model}, and was given to {model}")
        if self.holds(job_id) and self.held[job_id].token != token:
            self._broken(ONE_RUNS, f"{job_id} runs as {self.held[job_id].token}, and was given to {token}")
        if job_id in self.jobs and self.jobs[job_id].final:
            self._broken(ONE_FINAL_STATE, f"{job_id} is {self.jobs[job_id].final}, and was given to {token}")
        self.scenes(job_id, scenes)
        self.renewed(job_id, token)

    def renewed(self, job_id: str, token: str) -> None:
        """Its lease began anew."""
        if self.holds(job_id) and self.held[job_id].token != token:
            self._broken(REFUSED, f"{job_id} runs as {self.held[job_id].token}, and {token} was renewed")
        self.held[job_id] = Held(token, self.world.passed_ms + self.lease_ms)

    def refused(self, job_id: str, token: str) -> None:
        """A worker was told that it has lost this job."""
        if self.runs_as(job_id, token):
            self._broken(NOT_ROBBED, f"{token} of {job_id} has {self.held[job_id]}, at {self.world.passed_ms}")

    def given_up(self, job_id: str, token: str) -> None:
        if job_id in self.held and self.held[job_id].token == token:
            del self.held[job_id]

    def runs_as(self, job_id: str, token: str) -> bool:
        return self.holds(job_id) and self.held[job_id].token == token

    def holds(self, job_id: str) -> bool:
        return job_id in self.held and self.world.passed_ms < self.held[job_id].until_ms

    def wrote(self, job_id: str, author: str) -> None:
        """An attempt sends a result."""
        if job_id in self.jobs:
            self.authors.setdefault(self.jobs[job_id].group, set()).add(author)

    def tells_failure(self, job_id: str) -> None:
        if job_id in self.jobs:
            self.failed.add(self.jobs[job_id].group)

    def given(self, job_id: str, worker: str, attempt: int) -> None:
        """A job was started there, whether or not the worker heard of it."""
        self.lanes.touched(job_id)
        if not (job := self.jobs.get(job_id)):
            return
        self.claims[job.group] = self.claims.get(job.group, 0) + 1
        self.ran_on.setdefault(worker, set()).add(job.group)
        surely = not self._is_overdue(lane_of(job.request))
        now_ms, first = self.world.passed_ms, attempt == 1
        if passed_over := self.lanes.started(job.client, job.request, now_ms, first=first, surely=surely):
            self._broken(SHARED, f"{job_id} was started: {passed_over}")

    def refused_doorbell(self, job_id: str, reason: str, model: str) -> None:
        """Nothing started, for this reason; `model`: as `lane_model` writes what the worker serves."""
        job = self.jobs.get(job_id)
        if not job or reason in KEPT or lane_model(job.request.model) not in ("", model):
            return
        if self._is_overdue(lane_of(job.request)):
            return  # until the next sweep nobody knows whether that has ended
        if in_vain := self.lanes.came_to_nothing(job.request, self.world.passed_ms):
            self._broken(NOT_IN_VAIN, f"{job_id} is {reason}, as were {in_vain}")

    def _is_overdue(self, lane: Lane) -> bool:
        """Whether something there may have waited too long."""
        return any(
            lane_of(job.request) == lane
            and not job.final
            and self._on_server_ms - job.made_on_server_ms >= job.request.queue_timeout_s * 1000
            for job in self.jobs.values()
        )

    def gave_back(self, job_id: str) -> None:
        """A supervisor was answered, after its worker had died with this job."""
        job = self.jobs.get(job_id)
        if job and job.running:
            self._broken(GIVEN_BACK, f"{job_id} still runs")

    def crashed(self, worker: str) -> None:
        for group in self.ran_on.get(worker, ()):
            self.crashes[group] = self.crashes.get(group, 0) + 1
        self.held = {job_id: held for job_id, held in self.held.items() if not held.token.startswith(f"{worker}/")}

    def ended_by_older(self, job_id: str) -> None:
        """By a version that knows no lanes: it leaves the job's place there, and a follower may come into another."""
        for job in self.jobs.values():
            if job.group == self.jobs[job_id].group:
                job.by_older = True
                self.lanes.touched(job.job_id)

    # Webhooks.

    def posted(self, job_id: str, number: int, event: str, value: str, lease: str, lasts_ms: int) -> None:
        """A sender was given an event."""
        key = f"{job_id}-{number}"
        if key in self.sent and self.world.passed_ms < self.sent[key].until_ms:
            self._broken(WEBHOOKS, f"{key} is being sent already")
        self.sent[key] = Held(lease, self.world.passed_ms + lasts_ms)
        known = self.jobs.get(job_id)
        if not known:
            return
        if known.deleted:
            self._broken(WEBHOOKS, f"{key} is sent of a job that was deleted")
        if known.letters.setdefault(number, (event, value)) != (event, value):
            self._broken(WEBHOOKS, f"{key} was {known.letters[number]}, and now is {event} {value}")

    def sent_by_another(self, job_id: str, number: int, lease: str) -> bool:
        """Whether somebody else was given this event since, and still may send it."""
        held = self.sent.get(f"{job_id}-{number}")
        return held is not None and held.token != lease and self.world.passed_ms < held.until_ms

    def settled(self, job_id: str, number: int, *, delivered: bool) -> None:
        self.sent.pop(f"{job_id}-{number}", None)
        if delivered and job_id in self.jobs:
            self.jobs[job_id].delivered.add(number)

    def clock_jumped(self, ms: int) -> None:
        """What was being sent just then may come twice."""
        self.sent.clear()
        self.jumped_ms += max(0, ms)

    # At the end.

    def all_ended(self) -> None:
        for job in self.jobs.values():
            if job.deleted:
                continue
            if not job.final:
                self._broken(ONE_FINAL_STATE, f"{job.job_id} has not ended")
            if not job.owes_nothing:
                self._broken(DONE_IS_SENT, f"{job.job_id} is {job.final}; sent: {job.letters}")

    def agree(self, faults: list[str], *, at_rest: bool = False) -> None:
        """`at_rest`: also what an older version left has been set right."""
        pairs = [(faults[i], faults[i + 1]) for i in range(0, len(faults), 2)]
        unknown = [(job_id, what) for job_id, what in pairs if at_rest or not self.jobs[job_id].by_older]
        if unknown:
            self._broken(AGREE, f"{unknown}")

    @property
    def _on_server_ms(self) -> int:
        return self.world.passed_ms + self.jumped_ms

    def _broken(self, promise: str, how: str) -> None:
        raise Violation(f"{promise}: {how}")
