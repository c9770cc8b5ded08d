"""Jobs on an engine, parts of which are killed at random moments: what is common to all engines.

An engine hands jobs over, says what of them can be killed, and says by its own means, not by ours, that a job has ended. Some
jobs at a time are handed over; each is struck at a moment of its own, while it begins, while its kernel runs, or while it ends.
All the while each is looked at once in an interval, as a user would. From when the engine says that it has ended, two looks must
do: then it is what it must be, nothing of it runs, no session of it is open, and its result is there once, or not at all. An
engine may start a job again that had just come to its end, and not yet been heard: then each of the two attempts has its own.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol

import psutil

from mlops_jupyter.api import submissions as verbs
from mlops_jupyter.api.handing import Handing, submit
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.entities import ConflictError, Submission
from mlops_jupyter.entities.submissions import NO_END
from tests.engines.slurm_jobs import kernels

PHASES = ("begins", "runs", "runs", "ends")
"""A job is struck while it does that."""
INTERVAL, LOOKS = 1.0, 2
PATIENCE = 240.0  # seconds for some jobs at the same time
_GONE = 30.0  # seconds in which whatever is left of one must go: it may be asked to stop, and given 20 by its engine
_TICK = 0.1


class Strike(NamedTuple):
    """What is done to a job, while it does what; `again`: the engine may start it again."""

    kind: str
    phase: str
    again: bool


class Engine(Protocol):
    """A place for jobs. `above`: what can be killed → how far above `mlops run` it is; -1 is the kernel."""

    runner: str
    kinds: Sequence[str]
    above: ClassVar[Mapping[str, int]]
    fails: Sequence[str]
    outlived: Sequence[str]
    job: Path
    notes: str
    """What of its configuration is other than it comes."""

    def options(self, strike: Strike) -> dict[str, str]:
        """Of the runner."""

    def deliver(self) -> str:
        """Where attempts leave what they make; "" for the usual place."""

    def over(self, one: Submission) -> bool:
        """Whether the engine itself says that it has ended, or its process is gone."""

    def strike(self, one: Submission, kind: str) -> None:
        """Do what is not the killing of a process, and not our own cancelling."""

    def must_be(self, strike: Strike) -> str:
        """What a job becomes that is struck while it runs."""

    def remove(self) -> None:
        """End all that it has started."""


def program(one: Submission) -> psutil.Process | None:
    """`mlops run` of the newest attempt."""
    found = []
    for process in psutil.process_iter(["cmdline", "create_time", "status"]):
        words = process.info["cmdline"] or []
        if {"run", one.id} <= set(words) and "-c" not in words and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return max(found, key=lambda process: process.info["create_time"], default=None)


def kernel_of(command: psutil.Process) -> psutil.Process | None:
    """The kernel that it has started."""
    return next((child for child in command.children() if any("kernel" in word for word in child.cmdline())), None)


class Job:
    """A job, what happens to it, and what must become of it."""

    def __init__(self, engine: Engine, folder: Path, number: int, strike: Strike, wait: float) -> None:
        self.engine, self.did, self.gate = engine, strike, folder / f"gate{number}"
        self.seen: set[psutil.Process] = set()
        self.struck, self.looks, self.results, self._due, self._wait = False, 0, 0, 0.0, wait
        self._at: float | None = None
        how = Handing(options=engine.options(strike), unverified=True, deliver=engine.deliver())
        self.one: Submission = submit(engine.job, engine.runner, {"gate": str(self.gate), "number": number}, how=how)

    def expected(self) -> set[str]:
        """What it may be. One that was about to end may have been faster."""
        must = {self.engine.must_be(self.did), *(["failed"] if self.did.kind in self.engine.fails else [])}
        return {*must, "succeeded"} if self.did.phase == "ends" else must

    def ended(self) -> bool:
        """Whether it has: struck, or faster than that."""
        return self.one.state not in NO_END and (self.struck or self.did.phase == "ends")

    def step(self) -> None:
        """Strike if it is time, and look if it is."""
        if not self.struck and self._is_time():
            self._strike()
        elif self._goes_on():
            self.gate.touch()
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + INTERVAL
            self.looks += self.engine.over(self.one)
            self.one = verbs.submission(self.one.id)

    def _goes_on(self) -> bool:
        """Whether it may come to its end now: what was struck goes on, or is gone, and is begun again."""
        gone = self.did.kind in self.engine.outlived or not any(map(_runs, self.seen))
        return gone and self.struck and not self.gate.exists() and self.engine.must_be(self.did) == "succeeded"

    def _is_time(self) -> bool:
        if self._at is None and self._is_there():
            self._at = time.monotonic() + self._wait
            if self.did.phase == "ends":
                self.gate.touch()
        return self._at is not None and time.monotonic() >= self._at

    def _is_there(self) -> bool:
        if self.did.phase != "begins":
            return bool(kernels(self.gate))
        command = program(self.one)
        if self.did.kind == "kernel":
            return command is not None and kernel_of(command) is not None
        return command is not None or self.did.kind == "cancel"  # also what has not begun can be cancelled

    def _strike(self) -> None:
        try:
            command = program(self.one)
            if command is not None:
                self.seen |= {command, *command.children(recursive=True)}
            self._hit(command)
        except (psutil.NoSuchProcess, ConflictError):  # it has just ended
            if self.did.phase != "ends":
                raise
        self.struck = True

    def _hit(self, command: psutil.Process | None) -> None:
        kind, above = self.did.kind, self.engine.above
        if kind == "cancel":
            verbs.cancel(self.one.id)
        elif kind not in above:
            self.engine.strike(self.one, kind)
        elif command is None:
            raise psutil.NoSuchProcess(0, msg=f"no mlops run of {self.one.id}")
        else:
            victim = kernel_of(command) if above[kind] < 0 else [command, *command.parents()][above[kind]]
            if victim is None:
                raise psutil.NoSuchProcess(0, msg=f"no kernel of {self.one.id}")
            victim.kill()

    def left(self) -> list[psutil.Process]:
        """What still runs of it."""
        found = [process for process in [*self.seen, *kernels(self.gate)] if _runs(process)]
        command = program(self.one)
        return found if command is None else [*found, command]

    def wrong(self) -> str:
        """What is not as it must be, once it has ended."""
        end = time.monotonic() + _GONE
        while self.left() and time.monotonic() < end:
            time.sleep(_TICK)
        left, ledger, one = self.left(), open_ledger(), verbs.submission(self.one.id)
        sessions = ledger.sessions(submission=one.id)
        scores = [sum(len(run.metrics) for run in ledger.runs(session=each.id)) for each in sessions]
        self.results, least = sum(scores), int(one.state == "succeeded")
        most = one.attempts if self.did.phase == "ends" else least
        must, outlived = self.engine.must_be(self.did), self.did.kind in self.engine.outlived
        again = self.did.phase != "ends" and must == "succeeded" and not outlived
        found = [f"it {one.state}, not {self.expected()}: {one.outcome}" if one.state not in self.expected() else "",
                 f"{self.looks} looks" if self.looks > LOOKS else "",
                 f"it was not started again, {one.attempts} attempts" if again and not self._begun_again(one) else "",
                 f"left: {left}" if left else "",
                 "a session runs" if any(each.state == "running" for each in sessions) else "",
                 f"results of its sessions: {scores}" if max(scores, default=0) > 1 or not least <= self.results <= most else ""]
        for process in left:
            process.kill()
        said = "; ".join(filter(None, found))
        return f"{self.did}, {one.id}, {one.attempts} attempts: {said}" if said else ""

    def _begun_again(self, one: Submission) -> bool:
        """By the engine's count, or by the kernels that have been: an attempt that was killed as it began had none."""
        file = Path(f"{self.gate}.kernels")
        begun = len(file.read_text().split()) if file.exists() else 0
        return one.attempts > 1 or begun > 1 or self.did.phase == "begins"


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def batch(jobs: Sequence[Job]) -> list[str]:
    """Some jobs at the same time, until all of them have ended; what was wrong."""
    end, wrong = time.monotonic() + PATIENCE, list[str]()
    waiting = list(jobs)
    while waiting and time.monotonic() < end:
        for job in waiting:
            job.step()
        waiting = [job for job in waiting if not job.ended()]
        time.sleep(_TICK)
    for job in waiting:
        struck = "" if job.struck else ", and was never struck"
        wrong.append(f"{job.did}, {job.one.id}: no end{struck}, it is {job.one.state}, {job.looks} looks: {job.one.outcome}")
        job.gate.touch()
        for process in job.left():
            process.kill()
    return wrong + [said for job in jobs if job not in waiting and (said := job.wrong())]


def drawn(engine: Engine, number: int, draw: random.Random) -> tuple[Strike, float]:
    """What happens to the job of that number, and how long after it can."""
    kind, phase, again = engine.kinds[number % len(engine.kinds)], draw.choice(PHASES), draw.random() < 0.5
    return Strike(kind, phase, again), draw.random() * {"begins": 1.5, "runs": 3.0, "ends": 2.0}[phase]


def remains(name: str) -> list[psutil.Process]:
    """Processes that are of a folder, by their words."""
    mine = os.getpid()
    return [each for each in psutil.process_iter(["cmdline"]) if each.pid != mine
            and any(name in word for word in each.info["cmdline"] or [])]
