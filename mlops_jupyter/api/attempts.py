"""One attempt of a submission, on whatever machine its runner has put it: `mlops run … --submission ID --deliver PLACE`.

It records into a private store that goes with it. While it runs, all of it is copied to `$MLOPS_STORE`, if that is set and can be
reached; when it ends, an archive of its runs, its executed notebook and `result.json` are put into a folder of its own under
PLACE, in this order, so that whoever finds a result finds the rest. Neither is needed for the other, and an attempt never waits
for more than the last report. Two attempts of one submission, whatever an engine does, are two writers and two folders.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.config import Settings
from mlops_jupyter.entities import Delivered, MlopsError, Outcome, Sink, StoreError, new_id
from mlops_jupyter.entities.codec import to_json
from mlops_jupyter.jobs.outcome import judge
from mlops_jupyter.jobs.reporting import Reporter
from mlops_jupyter.jobs.stopping import exit_on_sigterm, released
from mlops_jupyter.jobs.storage import check_driver, put
from mlops_jupyter.store import archive, open_url

with suppress(ImportError):  # Windows has none
    import resource

ARCHIVE, RESULT, NOTEBOOK = "runs.mlops", "result.json", "output.ipynb"
_OTHERWISE = "look at the place, or give another: --deliver PLACE"


class Ended(msgspec.Struct):
    """What the attempt says at its end, filled in by who runs the job. `recorded` reports the last before it is read here."""

    outcome: Outcome | None = None
    session: str = ""
    output: Path | None = None
    recorded: Callable[[], None] | None = None


class Attempt:
    """Where one attempt reports to. Made once per process, before anything is recorded."""

    def __init__(self, submission: str, place: str, say: Callable[[str], None]) -> None:
        """Checks the place; nothing is written there before the end. InputError for one that cannot be."""
        if "://" in place:
            check_driver("what the job delivers", place, _OTHERWISE)
        self.id = new_id()
        self.folder = f"{place.rstrip('/')}/{submission}/{self.id}"
        self._submission, self._say = submission, say
        self._told = _place_to_tell()
        settings = Settings.current()
        self._private = Path(tempfile.mkdtemp(prefix="mlops-attempt-"))
        settings.store = str(self._private / "store")
        self._state = settings.outbox_folder().parent
        self._reporter = Reporter(settings.outbox_folder(), self._told) if self._told is not None else None
        self._reported, self._unreported = False, "" if self._reporter else "there is nowhere to report to"

    def begin(self) -> None:
        """Report from now on."""
        if self._reporter is not None:
            self._reporter.begin()

    def report(self) -> None:
        """All is recorded, and lies in the outbox: report the last of it. Once."""
        if self._reporter is not None and not self._reported:
            self._reported = True
            self._unreported = self._reporter.end()
            if self._unreported:
                self._say(f"not everything was reported: {self._unreported}. It is in what the job delivers")

    def end(self, ended: Ended) -> None:
        """Deliver. StoreError where something of it is nowhere but here."""
        self.report()
        try:
            self._deliver(ended)
        except MlopsError as error:
            if self._unreported or ended.output is not None:
                kept = f"what it made is in {self._private} on {socket.gethostname()}"
                raise StoreError(f"{error.what}; {kept}", error.remedy) from None
            self._say(error.what)
        shutil.rmtree(self._private, ignore_errors=True)
        shutil.rmtree(self._state, ignore_errors=True)

    def _deliver(self, ended: Ended) -> None:
        ledger = open_ledger()
        runs = ledger.runs(session=ended.session) if ended.session else []
        if runs:
            file = self._private / ARCHIVE
            archive.write(ledger, runs, file)
            put(file, f"{self.folder}/{ARCHIVE}", "the archive of the runs", _OTHERWISE)
        if ended.output is not None and ended.output.exists():
            put(ended.output, f"{self.folder}/{NOTEBOOK}", "the executed notebook", _OTHERWISE)
        outcome = ended.outcome or Outcome("failed", "the command ended before the job began")
        told = Delivered(self._submission, self.id, outcome, time.time(), ended.session, runs[-1].id if runs else "",
                         socket.gethostname(), _memory())
        (self._private / RESULT).write_bytes(to_json(told))
        put(self._private / RESULT, f"{self.folder}/{RESULT}", "the result", _OTHERWISE)


@contextmanager
def attempt(submission: str, place: str, say: Callable[[str], None]) -> Iterator[Ended]:
    """What runs inside is one attempt, delivered to `place` however it ends (""; nowhere). What it raised is raised on."""
    file = os.environ.pop("MLOPS_OUTCOME", "")
    if not place:
        with _told(file) as ended:
            yield ended
        return
    made = Attempt(submission, place, say)
    made.begin()
    ended = Ended(recorded=made.report)
    stopped = released()
    with exit_on_sigterm():
        try:
            if stopped is not None:
                raise stopped
            yield ended
        except BaseException as error:
            ended.outcome = ended.outcome or judge(error)
            made.end(ended)
            raise
        made.end(ended)


@contextmanager
def _told(file: str) -> Iterator[Ended]:
    """How it ends is written to `file` (""; to none), for who has started this process and sees only its exit code."""
    ended = Ended()
    try:
        yield ended
    except BaseException as error:
        ended.outcome = ended.outcome or judge(error)
        raise
    finally:
        if file and ended.outcome is not None:
            with suppress(OSError):  # the exit code says whether it failed
                Path(file).write_bytes(to_json(ended.outcome))


def _place_to_tell() -> Callable[[], Sink] | None:
    """The store of the environment, which neither the job's own code nor what it starts gets to see."""
    url = os.environ.pop("MLOPS_STORE", "")
    if not url:
        return None
    if url.startswith(("http://", "https://")):
        remote = open_url(url)
        os.environ.pop("MLOPS_TOKEN", None)
        return lambda: remote
    return lambda: open_url(url)


def _memory() -> int | None:
    """The most bytes that this process or one of its children held; None where the system does not say (Windows)."""
    if "resource" not in globals():
        return None
    return 1024 * max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
