"""GitLab through its own client, `glab api`: start pipelines, look at them, fetch what they kept. The credentials are its own."""

from __future__ import annotations

import io
import re
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from mlops_jupyter.entities import InputError, NotFoundError, Sight, StoreError
from mlops_jupyter.entities.jobs import OutcomeState
from mlops_jupyter.jobs.runners import ci

STATES: Mapping[str, OutcomeState] = {
    "created": "queued", "waiting_for_resource": "queued", "preparing": "queued", "pending": "queued", "manual": "queued",
    "scheduled": "queued", "running": "running", "canceling": "running", "success": "succeeded", "failed": "failed",
    "canceled": "cancelled", "skipped": "cancelled",
}
_ENDS = frozenset({"success", "failed", "canceled", "skipped"})
_PAGE = 100  # so many pipelines are told of at once
_INSTALL = "install GitLab's client (gitlab.com/gitlab-org/cli), then: glab auth login"
T = TypeVar("T")


class _Project(msgspec.Struct):
    id: int
    web_url: str


class Pipeline(msgspec.Struct):
    """A pipeline as GitLab tells of it."""

    id: int
    status: str
    web_url: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    started_at: datetime | None = None

    def sight(self) -> Sight:
        """In our words, but its own word."""
        queued, started, ended = [moment.timestamp() if moment is not None else None
                                  for moment in (self.created_at, self.started_at, self.updated_at)]
        over = self.status in _ENDS
        return Sight(self.status, detail=self.web_url, queued=queued, started=started, ended=ended if over else None)


class _Job(msgspec.Struct):
    id: int
    name: str


class Place(msgspec.Struct, frozen=True):
    """Where a submission is: host, project, pipeline, and where what it makes is wanted."""

    host: str
    project: str
    pipeline: str
    submission: str
    deliver: str

    @classmethod
    def read(cls, text: str) -> Place:
        """NotFoundError for what is no place."""
        words = text.split(" ", 4)
        if len(words) != len(cls.__struct_fields__) or not (words[1] + words[2]).isdigit():
            raise NotFoundError(f"GitLab has no pipeline {text!r}", "mlops submissions list")
        return cls(*words)

    def __str__(self) -> str:
        return f"{self.host} {self.project} {self.pipeline} {self.submission} {self.deliver}"


class Client:
    """The client, once it is found."""

    def __init__(self, program: str) -> None:
        self._program = program

    @classmethod
    def found(cls) -> Client:
        """InputError if it is not installed."""
        return cls(ci.program("glab", _INSTALL))

    def start(self, root: Path, ref: str, wanted: Mapping[str, tuple[Mapping[str, str], str]]) -> list[str]:
        """Start a pipeline for each submission, with its variables; the places. If one is refused, all are cancelled."""
        project = _read(self._said("", "projects/:fullpath", root=root), _Project)
        host = urlsplit(project.web_url).netloc
        places: list[str] = []
        try:
            for submission, (variables, deliver) in wanted.items():
                asked = {"ref": ref, "variables": [{"key": name, "value": value} for name, value in variables.items()]}
                said = self._said(host, f"projects/{project.id}/pipeline", given=msgspec.json.encode(asked))
                places.append(str(Place(host, str(project.id), str(_read(said, Pipeline).id), submission, deliver)))
        except BaseException:
            self.cancel(places)
            raise
        return places

    def status(self, places: Sequence[str]) -> list[Sight]:
        """How each pipeline stands. What one has kept is fetched when it is seen to have ended."""
        wanted = [Place.read(text) for text in places]
        known: dict[tuple[str, str], dict[int, Pipeline]] = {}
        sights = []
        for place in wanted:
            project = (place.host, place.project)
            if project not in known:
                page = self._said(place.host, f"projects/{place.project}/pipelines?order_by=id&sort=desc&per_page={_PAGE}")
                known[project] = {one.id: one for one in _read(page, list[Pipeline])}
            found = known[project].get(int(place.pipeline)) or self._pipeline(place)
            if found.status in _ENDS:
                self._fetch(place)
            sights.append(found.sight())
        return sights

    def cancel(self, places: Sequence[str]) -> None:
        """Ask GitLab to stop each pipeline."""
        for place in map(Place.read, places):
            self._said(place.host, f"projects/{place.project}/pipelines/{place.pipeline}/cancel", given=b"{}")

    def logs(self, text: str) -> str:
        """What its jobs printed so far."""
        place = Place.read(text)
        return "".join(self._said(place.host, f"projects/{place.project}/jobs/{job.id}/trace").decode("utf-8", "replace")
                       for job in self._jobs(place))

    def _pipeline(self, place: Place) -> Pipeline:
        return _read(self._said(place.host, f"projects/{place.project}/pipelines/{place.pipeline}"), Pipeline)

    def _jobs(self, place: Place) -> list[_Job]:
        """Those of ours; tried again, each try."""
        jobs = f"projects/{place.project}/pipelines/{place.pipeline}/jobs"
        said = self._said(place.host, f"{jobs}?include_retried=true&per_page={_PAGE}")
        return sorted((job for job in _read(said, list[_Job]) if job.name.startswith("mlops-")), key=lambda job: job.id)

    def _fetch(self, place: Place) -> None:
        """Put what its jobs kept where it is wanted, each attempt whole. Nothing of a job that kept nothing, or not any more."""
        if not place.deliver or "://" in place.deliver:
            return
        for job in self._jobs(place):
            try:
                kept = self._said(place.host, f"projects/{place.project}/jobs/{job.id}/artifacts")
            except NotFoundError:
                continue
            with tempfile.TemporaryDirectory(prefix="mlops-artifacts-") as scratch:
                try:
                    with zipfile.ZipFile(io.BytesIO(kept)) as packed:
                        packed.extractall(scratch)
                except (zipfile.BadZipFile, OSError, EOFError) as error:
                    raise StoreError(f"what job {job.id} kept came incomplete: {error}", "ask again") from None
                ci.move_attempts(Path(scratch), place.deliver, place.submission)

    def _said(self, host: str, what: str, *, given: bytes = b"", root: Path | None = None) -> bytes:
        """What GitLab answers; a question with something `given` makes something."""
        words = [self._program, "api", what, *(["--hostname", host] if host else [])]
        if given:
            words += ["--method", "POST", "--header", "Content-Type: application/json", "--input", "-"]
        done = subprocess.run(words, input=given, capture_output=True, check=False, cwd=root)
        if done.returncode == 0:
            return done.stdout
        texts = [part.decode("utf-8", "replace").strip() for part in (done.stderr, done.stdout)]
        said = " ".join(" ".join(filter(None, texts)).split())[:400] or f"exit code {done.returncode}"
        if re.search(r"HTTP 404|404 Not found", said, re.IGNORECASE):
            raise NotFoundError(f"GitLab does not know {what}: {said}", "glab auth status, and look at the address of the remote")
        if re.search(r"HTTP 401|HTTP 403|401 Unauthorized|403 Forbidden|auth login", said):
            raise InputError(f"GitLab refuses: {said}", "glab auth login")
        if re.search(r"dial tcp|no such host|timeout|HTTP 5\d\d|connection re", said, re.IGNORECASE):
            raise StoreError(f"GitLab cannot be reached: {said}", "glab auth status")
        raise InputError(f"glab api {what}: {said}", "glab ci lint; the file has to be included in .gitlab-ci.yml, and pushed")


def _read(said: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(said, type=kind)
    except msgspec.DecodeError as error:
        raise StoreError(f"glab api did not answer as it should: {error}", "glab --version; a newer one may help") from None
