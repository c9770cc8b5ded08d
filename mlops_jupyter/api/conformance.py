"""What every runner must do, as checks that anybody can run against a real place: `mlops runners check NAME`.

Each check hands a small job to the runner as a user would, by the verbs of this package, and looks at what comes back to the
ledger. The author of a runner runs the same checks, by the command or from a test: `for check in CHECKS: check(Kit("mine", {…},
folder))`. A check that a runner does not meet raises UnmetError, which says what was promised and what was seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from mlops_jupyter.api import submissions as verbs
from mlops_jupyter.api.handing import Handing, kind_of, preview, runner_of, submit, submit_all
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.entities import (
    ConflictError,
    Fingerprint,
    InputError,
    JobInput,
    JobManifest,
    JobParameter,
    JobResult,
    MlopsError,
    NotFoundError,
    Run,
    Schedule,
    Submission,
    content_hash,
)
from mlops_jupyter.entities.submissions import NO_END
from mlops_jupyter.jobs import bundle
from mlops_jupyter.jobs.convert import NOTEBOOK, Draft

LOOK = 0.25  # seconds between two looks at a submission
_ROWS = b"number\n1\n2\n3\n"
_TEXT = "a 'b' \"c\" $HOME `date`; exit 1 # \u00e9\u4e2d & | * \\ end"
_CELLS = ("""
import os, signal, subprocess, sys, time
from pathlib import Path
import mlops_jupyter as mlops
""", """
rows = [int(line) for line in Path("rows.csv").read_text().split()[1:]]
print("it has read", len(rows), "rows; \\x1b[31mred\\x1b[0m, bell \\a, and \\u00e9")
""", """
if what == "fail":
    raise ValueError("the job was told to fail")
if what == "die":
    os.kill(os.getpid(), signal.SIGKILL)
if what == "wait":
    print("it waits", flush=True)
    time.sleep(600)
""", """
mlops.log_metric("total", sum(rows) * factor)
mlops.log_param("text", text)
""")


class UnmetError(MlopsError):
    """A promise of runners that this one does not keep."""


class Kit(msgspec.Struct):
    """The runner, its options, a folder for the job, and how long a submission may take, in seconds, before it is given up."""

    runner: str
    options: Mapping[str, str]
    folder: Path
    patience: float = 300.0
    deliver: str = ""
    schedule: Schedule | None = None

    def job(self) -> Path:
        """The bundle, written when first asked for."""
        place = self.folder / "job"
        return place if place.exists() else write_job(place)

    def rows(self) -> Path:
        """A file that the bundle does not carry, for its input."""
        file = self.folder / "more rows.csv"
        file.write_bytes(b"number\n10\n20\n")
        return file

    def how(self) -> Handing:
        """How everything is handed over."""
        return Handing(options=self.options, unverified=True, deliver=self.deliver, schedule=self.schedule)

    def submit(self, inputs: Mapping[str, str] | None = None, **parameters: object) -> Submission:
        """One job."""
        return submit(self.job(), self.runner, parameters, inputs, self.how())

    def ended(self, one: Submission) -> Submission:
        """The submission once it has ended. UnmetError if it does not."""
        return self.until(one, lambda now: now.state not in NO_END, "end")

    def until(self, one: Submission, met: Callable[[Submission], bool], what: str) -> Submission:
        """The submission once it is as wanted. UnmetError if it does not come to that."""
        end = time.monotonic() + self.patience
        while not met(now := verbs.submission(one.id)):
            if time.monotonic() > end:
                raise UnmetError(f"submission {one.id} did not {what} within {self.patience:g} s: it is {now.state}")
            time.sleep(LOOK)
        return now

    def run(self, one: Submission) -> Run:
        """What it recorded. UnmetError if that is not in the store."""
        runs = [run for session in open_ledger().sessions(submission=one.id) for run in open_ledger().runs(session=session.id)]
        must(len(runs) == 1, "a job that ran leaves one run in the store", f"{len(runs)} of {one.id}")
        return runs[0]


def must(holds: bool, promise: str, seen: object) -> None:
    """Raise UnmetError unless it holds."""
    if isinstance(seen, Submission):
        seen = f"submission {seen.id} is {seen.state}" + (f": {seen.outcome.error}" if seen.outcome else "")
    if not holds:
        raise UnmetError(f"promised: {promise}. Seen: {seen}")


def write_job(folder: Path) -> Path:
    """A job of four cells with two text parameters, a number and one input; it needs nothing but this package."""
    parameters = [JobParameter("factor", "integer", 1), JobParameter("text", "string", ""),
                  JobParameter("what", "string", "work")]
    lines = "\n".join(f"{each.name} = {each.default!r}" for each in parameters)
    cells = [new_code_cell(lines, id="parameters", metadata={"tags": ["parameters"]})]
    cells += [new_code_cell(source.strip(), id=f"cell{place}") for place, source in enumerate(_CELLS, 1)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nbformat.writes(new_notebook(cells=cells, metadata=kernel)).encode()
    rows = JobInput("rows", "rows.csv", Fingerprint("file", content_hash(_ROWS), nbytes=len(_ROWS)), carried=True)
    results, count = [JobResult("total", "metric", 6.0)], len(cells)
    manifest = JobManifest("conformance", 1795000000.0, parameters, [rows], results, count, count)
    bundle.write(Draft(manifest, {}, {NOTEBOOK: notebook, "rows.csv": _ROWS}, [], []), folder)
    return folder


def says_how_things_get_there(kit: Kit) -> None:
    """It says how bundle, environment and inputs get there, how results come back, and what its engine's words mean."""
    kind = kind_of(kit.runner)
    told = [kind.about.title, kind.about.bundle, kind.about.environment, kind.about.inputs, kind.about.results]
    must(all(told), "a runner says how each part gets there", kind.about)
    ends = set(kind.states.values())
    if kind.about.schedules == "must":
        must({"scheduled", "died"} <= ends, "a timer's table has a word for scheduled, and for gone", kind.states)
        return
    must({"running", "succeeded", "failed"} <= ends, "a runner's table has a word for running, succeeded and failed", kind.states)


def previews_the_same_twice(kit: Kit) -> None:
    """A preview changes nothing, is the same twice, and shows no secret."""
    before = len(open_ledger().submissions())
    first, second = (preview(kit.job(), kit.runner, [{"text": _TEXT}], {}, kit.how()) for _ in range(2))
    must(bool(first.strip()) and first == second, "a preview says something, and the same twice", first)
    must(len(open_ledger().submissions()) == before, "a preview hands nothing over", "another submission")


def brings_parameters_and_inputs(kit: Kit) -> None:
    """Parameters and an input arrive as they were given; one run comes back, once, with what it recorded."""
    done = kit.ended(kit.submit({"rows": str(kit.rows())}, factor=2, text=_TEXT))
    must(done.state == "succeeded", "a job that works succeeds", done)
    run = kit.run(done)
    must([metric.value for metric in run.metrics if metric.name == "total"] == [60.0], "the given input was read", run.metrics)
    must([param.value for param in run.params if param.name == "text"] == [_TEXT], "a text arrives as it was given", run.params)
    must(done.run == run.id, "the submission names its run", done)
    must(kit.run(verbs.submission(done.id)).id == run.id, "asking again changes nothing", done)
    log = verbs.logs(done.id)
    must("it has read 2 rows; red, bell , and \u00e9" in log, "the log has what the job printed, without control characters", log)


def tells_a_failure(kit: Kit) -> None:
    """A job that fails ends as failed, with the error of its cell."""
    done = kit.ended(kit.submit(what="fail"))
    said = done.outcome.error if done.outcome else ""
    must(done.state == "failed", "a job that fails is failed", done)
    must("told to fail" in said or "told to fail" in verbs.logs(done.id), "the error of the cell is told", said)


def tells_a_killed_kernel(kit: Kit) -> None:
    """A kernel that is killed is no success, and nothing of it stays running."""
    done = kit.ended(kit.submit(what="die"))
    must(done.state in {"died", "failed"}, "a killed kernel is a failure", done)
    left = [session for session in open_ledger().sessions(submission=done.id) if session.state == "running"]
    must(not left, "no session of an ended submission is running", left)


def cancels(kit: Kit) -> None:
    """A job that is cancelled ends as cancelled, soon; cancelling what has ended is a clear error."""
    one = kit.submit(what="wait")
    kit.until(one, lambda now: now.state == "running", "start")
    verbs.cancel(one.id)
    done = kit.ended(one)
    must(done.state == "cancelled", "a cancelled job is cancelled", done)
    try:
        verbs.cancel(one.id)
    except ConflictError:
        return
    raise UnmetError(f"promised: cancelling what has ended is refused. Seen: {done.id} was cancelled twice")


def takes_many(kit: Kit) -> None:
    """Several orders at once are several submissions, each with its own parameters."""
    made = submit_all(kit.job(), kit.runner, [{"factor": number} for number in (1, 2, 3)], {}, kit.how())
    must(len({one.place for one in made}) == 3, "each order has a place of its own", [one.place for one in made])
    totals = [metric.value for one in made for metric in kit.run(kit.ended(one)).metrics if metric.name == "total"]
    must(totals == [6.0, 12.0, 18.0], "each has its own parameters", totals)


def knows_what_it_does_not_know(kit: Kit) -> None:
    """A place that it was never given is not found; a bad parameter is refused before anything starts."""
    runner = runner_of(kit.runner, kit.options)
    for ask in (lambda: runner.status(["no-such-place"]), lambda: runner.logs("no-such-place")):
        try:
            ask()
        except NotFoundError:
            continue
        raise UnmetError("promised: an unknown place is not found. Seen: an answer")
    before = len(open_ledger().submissions())
    try:
        kit.submit(factor="two; import os")
    except InputError:
        must(len(open_ledger().submissions()) == before, "nothing is handed over with bad parameters", "a submission")
        return
    raise UnmetError("promised: a bad parameter is refused. Seen: it was handed over")


def keeps_a_schedule(kit: Kit) -> None:
    """A schedule stays until it is cancelled; then it is gone, and cancelling it again is a clear error."""
    one = kit.submit()
    must(one.state == "scheduled" and verbs.submission(one.id).state == "scheduled", "a schedule is scheduled", one)
    cancelled = verbs.cancel(one.id)
    must(cancelled.state == "cancelled", "a cancelled schedule is cancelled at once", cancelled)
    (seen,) = runner_of(kit.runner, kit.options).status([one.place])
    must(kind_of(kit.runner).states[seen.word] == "died", "nothing of it is left", seen)
    try:
        verbs.cancel(one.id)
    except ConflictError:
        return
    raise UnmetError(f"promised: cancelling what has ended is refused. Seen: {one.id} was cancelled twice")


def needs_a_schedule(kit: Kit) -> None:
    """Without a schedule it refuses, and nothing is handed over."""
    before = len(open_ledger().submissions())
    try:
        submit(kit.job(), kit.runner, {}, {}, msgspec.structs.replace(kit.how(), schedule=None))
    except InputError:
        must(len(open_ledger().submissions()) == before, "nothing is handed over without a schedule", "a submission")
        return
    raise UnmetError("promised: a timer takes nothing without a schedule. Seen: it was handed over")


Check = Callable[[Kit], None]
CHECKS: Sequence[Check] = (
    says_how_things_get_there, previews_the_same_twice, knows_what_it_does_not_know, brings_parameters_and_inputs,
    tells_a_failure, tells_a_killed_kernel, cancels, takes_many,
)
"""In an order in which the cheap ones come first."""
TIMER_CHECKS: Sequence[Check] = (
    says_how_things_get_there, previews_the_same_twice, knows_what_it_does_not_know, needs_a_schedule, keeps_a_schedule,
)
"""Of a runner that only starts jobs by a schedule: what it starts are submissions to `local`, which has checks of its own."""
SELDOM = Schedule("0 0 29 2 *")


def checks_of(kit: Kit) -> Sequence[Check]:
    """Those that have a meaning for the runner. One that needs a schedule gets one that hardly comes."""
    if kind_of(kit.runner).about.schedules != "must":
        return CHECKS
    kit.schedule = kit.schedule or SELDOM
    return TIMER_CHECKS


def title(check: Check) -> str:
    """What a check looks at, as a sentence."""
    return (check.__doc__ or check.__name__).strip()
