"""A job on its way: what was handed over, to which runner, with what, and what is known of it since."""

from __future__ import annotations

from typing import Literal

import msgspec

from mlops_jupyter.entities.data import Scalar
from mlops_jupyter.entities.jobs import Outcome, OutcomeState

Overlap = Literal["skip", "queue", "cancel-old"]
Missed = Literal["skip", "run"]
NO_END = frozenset({"scheduled", "queued", "running"})
"""States in which there is more to come."""


class Schedule(msgspec.Struct, frozen=True, omit_defaults=True):
    """When a job runs again and again: five fields of cron, read in a time zone.

    `overlap`: what is done where the one before still runs. `missed`: whether a time at which nobody was there to start it is
    made up for, once.
    """

    cron: str
    zone: str = "UTC"
    overlap: Overlap = "skip"
    missed: Missed = "run"


class Firing(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was decided for a moment of a schedule, and when: the job was handed over, left out, or the moment was missed.

    `child` is the submission that was made, or of one left out that which was in its way. Several missed moments in a row are
    one: `count` of them, from `first` to `at`.
    """

    at: float
    decided: float
    what: Literal["run", "skipped", "missed"]
    child: str = ""
    made_up: bool = False
    """Handed over late, for a moment that was missed."""
    count: int = 1
    first: float | None = None


class Sight(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a place says of one submission, in its own words. Times are Unix seconds of the place's clock.

    `word` is the engine's own state; `code` the exit code of the command, where the place knows one (negative: a signal).
    """

    word: str
    code: int | None = None
    detail: str = ""
    attempt: int = 0
    queued: float | None = None
    started: float | None = None
    ended: float | None = None


class Delivered(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one attempt says of itself when it has ended: `result.json`, beside its archive and its notebook.

    `run` is the first run that it made. `memory` is the most that its processes held, in bytes.
    """

    submission: str
    attempt: str
    outcome: Outcome
    at: float
    session: str = ""
    run: str = ""
    host: str = ""
    memory: int | None = None


class Submission(msgspec.Struct, tag="submission", omit_defaults=True):
    """One hand-over of a job to a runner. `place` is what the runner needs to find it again; "" until it was handed over.

    Times are Unix seconds. `collected` names the attempts whose archives are in the store. `told` is the end that its owner was
    told of.
    """

    id: str
    job: str
    runner: str
    at: float
    state: OutcomeState
    run: str = ""
    parameters: dict[str, Scalar | list[Scalar]] = {}
    outcome: Outcome | None = None
    place: str = ""
    name: str = ""
    """Of the job."""
    owner: str = ""
    inputs: dict[str, str] = {}
    options: dict[str, str] = {}
    """Of the runner, as they were given."""
    deliver: str = ""
    """Folder or address where its attempts leave what they made; "" if they record into the store itself."""
    schedule: Schedule | None = None
    parent: str = ""
    """The scheduled submission, or the sweep, that it is one of."""
    tell: list[str] = []
    """Whom to tell when it fails, and when it is well again: addresses of apprise."""
    told: str = ""
    telling: float = 0.0
    """When somebody began to tell of its end."""
    untold: str = ""
    """Why somebody could not be told."""
    host: str = ""
    """Who on which machine can ask its place how it is, `user@machine`; "" where that does not matter."""
    bundle: str = ""
    """Folder of a scheduled job."""
    retries: int = 0
    timeout: float | None = None
    due: float | None = None
    """The moment of its schedule that it was made for."""
    firings: list[Firing] = []
    """Of a schedule: the newest decisions, oldest first."""
    attempts: int = 0
    queued: float | None = None
    started: float | None = None
    ended: float | None = None
    memory: int | None = None
    collected: list[str] = []
