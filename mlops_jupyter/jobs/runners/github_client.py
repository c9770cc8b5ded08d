"""GitHub through its own client, `gh`: start a workflow, find its runs, fetch what they kept. Credentials are the client's.

GitHub does not say which run a start has made. The workflow puts the submission into the title of the run, so that a list of runs
answers for many submissions at once.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from mlops_jupyter.entities import InputError, NotFoundError, Sight, StoreError
from mlops_jupyter.entities.jobs import OutcomeState
from mlops_jupyter.jobs.runners import ci

STATES: Mapping[str, OutcomeState] = {
    "queued": "queued", "requested": "queued", "waiting": "queued", "pending": "queued", "action_required": "queued",
    "in_progress": "running", "success": "succeeded", "neutral": "succeeded", "failure": "failed", "startup_failure": "failed",
    "skipped": "cancelled", "cancelled": "cancelled", "timed_out": "timed-out", "stale": "died",
}
_FIELDS = "attempt,conclusion,createdAt,databaseId,displayTitle,startedAt,status,updatedAt,url"
_RUNS = 1000  # the newest so many, of those since the first submission that is asked for
_DAY = 86_400.0  # by which its clock and ours may differ
_LOGIN = 4  # its exit code where nobody is logged in
_INSTALL = "install GitHub's client (cli.github.com), then: gh auth login"


class Run(msgspec.Struct, rename="camel"):
    """A run as the client tells of it."""

    database_id: int
    display_title: str
    status: str
    conclusion: str = ""
    attempt: int = 0
    created_at: datetime | None = None
    started_at: datetime | None = None
    updated_at: datetime | None = None
    url: str = ""

    def sight(self) -> Sight:
        """In our words, but its own word."""
        over = self.status == "completed"
        times = [moment.timestamp() if moment is not None else None for moment in (self.created_at, self.started_at)]
        ended = self.updated_at.timestamp() if over and self.updated_at is not None else None
        return Sight(self.conclusion if over else self.status, detail=self.url, attempt=self.attempt, queued=times[0],
                     started=times[1], ended=ended)


class Place(msgspec.Struct, frozen=True):
    """Where a submission is: repository, workflow, day of the start, and where what it makes is wanted."""

    repository: str
    workflow: str
    day: str
    submission: str
    deliver: str

    @classmethod
    def read(cls, text: str) -> Place:
        """NotFoundError for what is no place."""
        words = text.split(" ", 4)
        if len(words) != len(cls.__struct_fields__):
            raise NotFoundError(f"GitHub has no run {text!r}", "mlops submissions list")
        return cls(*words)

    def unknown(self) -> NotFoundError:
        """What is said where it has no run."""
        return NotFoundError(f"GitHub shows no run of {self.workflow} for {self.submission}", f"gh run list -R {self.repository}")

    def __str__(self) -> str:
        return f"{self.repository} {self.workflow} {self.day} {self.submission} {self.deliver}"


class Client:
    """The client, once it is found."""

    def __init__(self, program: str) -> None:
        self._program = program

    @classmethod
    def found(cls) -> Client:
        """InputError if it is not installed."""
        return cls(ci.program("gh", _INSTALL))

    def start(self, root: Path, workflow: str, ref: str, wanted: Mapping[str, tuple[str, str]]) -> list[str]:
        """Start the workflow for each submission, with its inputs; the places. If one is refused, all are cancelled."""
        url = self._said(["repo", "view", "--json", "url", "--jq", ".url"], root).strip()
        repository, day = url.removeprefix("https://").rstrip("/"), f"{datetime.fromtimestamp(time.time() - _DAY, UTC):%Y-%m-%d}"
        places: list[str] = []
        try:
            for submission, (inputs, deliver) in wanted.items():
                self._said(["workflow", "run", workflow, "--repo", repository, "--ref", ref, "--json"], root, inputs)
                places.append(str(Place(repository, workflow, day, submission, deliver)))
        except BaseException:
            self.cancel(places)
            raise
        return places

    def status(self, places: Sequence[str]) -> list[Sight]:
        """How each run stands. What one has kept is fetched when it is seen to have ended."""
        wanted = [Place.read(text) for text in places]
        found = self._runs(wanted)
        sights = []
        for place in wanted:
            run = found.get(place.submission)
            if run is None:
                raise place.unknown()
            if run.status == "completed":
                self._fetch(place, run)
            sights.append(run.sight())
        return sights

    def cancel(self, places: Sequence[str]) -> None:
        """Ask GitHub to stop each run."""
        wanted = [Place.read(text) for text in places]
        found = self._runs(wanted)
        for place in wanted:
            run = found.get(place.submission)
            if run is not None and run.status != "completed":
                self._said(["run", "cancel", str(run.database_id), "--repo", place.repository])

    def logs(self, text: str) -> str:
        """What the run printed, once it has ended: GitHub shows no log before."""
        place = Place.read(text)
        run = self._runs([place]).get(place.submission)
        if run is None:
            raise place.unknown()
        if run.status != "completed":
            return f"GitHub gives a log when the run has ended; until then: {run.url}\n"
        return self._said(["run", "view", str(run.database_id), "--repo", place.repository, "--log"])

    def _runs(self, places: Sequence[Place]) -> dict[str, Run]:
        """Submission → its newest run. One question for each workflow."""
        found: dict[str, Run] = {}
        for repository, workflow in dict.fromkeys((place.repository, place.workflow) for place in places):
            since = min(place.day for place in places if (place.repository, place.workflow) == (repository, workflow))
            told = self._said(["run", "list", "--repo", repository, "--workflow", workflow, "--created", f">={since}",
                               "--limit", str(_RUNS), "--json", _FIELDS])
            try:
                runs = msgspec.json.decode(told, type=list[Run])
            except msgspec.DecodeError as error:
                raise StoreError(f"gh run list did not answer as it should: {error}",
                                 "gh --version; a newer one may help") from None
            for run in sorted(runs, key=lambda run: run.database_id):
                found[run.display_title.rpartition(" ")[2]] = run
        return found

    def _fetch(self, place: Place, run: Run) -> None:
        """Put what the run kept where it is wanted, each attempt whole. Nothing for a run that kept nothing, or not any more."""
        if not place.deliver or "://" in place.deliver:
            return
        with tempfile.TemporaryDirectory(prefix="mlops-artifacts-") as scratch:
            try:
                self._said(["run", "download", str(run.database_id), "--repo", place.repository, "--dir", scratch])
            except InputError as error:
                if re.search(r"no valid artifacts|no artifact matches", error.what):
                    return
                raise
            ci.move_attempts(Path(scratch), place.deliver, place.submission)

    def _said(self, words: Sequence[str], root: Path | None = None, given: str = "") -> str:
        """What the client prints. StoreError where GitHub is out of reach, else InputError with what it says."""
        done = subprocess.run([self._program, *words], input=given, capture_output=True, text=True, encoding="utf-8",
                              errors="replace", check=False, cwd=root)
        if done.returncode == 0:
            return done.stdout
        said = next(iter((done.stderr or done.stdout).strip().splitlines()), f"exit code {done.returncode}")
        if re.search(r"error connecting|no such host|timeout|HTTP 5\d\d|connection re", said, re.IGNORECASE):
            raise StoreError(f"GitHub cannot be reached: {said}", "gh auth status")
        if done.returncode == _LOGIN or re.search(r"HTTP 401|HTTP 403|auth login", said):
            raise InputError(f"GitHub refuses: {said}", "gh auth login")
        raise InputError(f"gh {' '.join(words[:2])}: {said}", "gh auth status; git push, if the workflow is not there yet")
