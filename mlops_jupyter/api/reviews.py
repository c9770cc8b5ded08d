"""`mlops review`: what a changed notebook does, for whoever has to say yes to it: in a pull request, or before a commit.

The notebook becomes a job in a temporary folder, and so does the notebook as it was, unless a job of it is given. Both run on the
same inputs and parameters, the base first; where nothing is given, what a base recorded stands in for its run. The runs are
compared and thrown away: a review leaves no run of a job in the ledger, only, like a conversion, the tracked notebook.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec

from mlops_jupyter.api.jobs import Conversion, Source, finish, prepare
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.slices import file_cells, redactor
from mlops_jupyter.api.words import names
from mlops_jupyter.config import Settings
from mlops_jupyter.entities import ConflictError, Goal, InputCheck, InputError, JobFailedError, Origin, Outcome, Scalar
from mlops_jupyter.entities.environments import on_one_line
from mlops_jupyter.jobs.bundle import Bundle, load
from mlops_jupyter.jobs.inputs import names_of
from mlops_jupyter.jobs.locked import PYLOCK, REQUIREMENTS, read_lock
from mlops_jupyter.jobs.notebook import code_cells, read_notebook
from mlops_jupyter.jobs.parameters import describe, validate
from mlops_jupyter.jobs.recording import private_folder, private_options, read_recorded
from mlops_jupyter.jobs.reference import compare_metrics, metrics_of
from mlops_jupyter.jobs.review import Cell, Changes, Failure, Objective, Side, changes, not_compared, objective
from mlops_jupyter.jobs.said import results_asked, said_of
from mlops_jupyter.jobs.verify_bundle import HOLDS
from mlops_jupyter.jobs.work import resolve_inputs
from mlops_jupyter.lineage.text import normalised

if TYPE_CHECKING:
    from mlops_jupyter.jobs.progress import Progress

Report = Callable[["Progress"], None]
Where = Literal["base", "now"]
T = TypeVar("T", bound=msgspec.Struct)


class Asked(msgspec.Struct, frozen=True):
    """What to review against what, and on which inputs and parameters both run."""

    notebook: Path
    base: Path
    """A job, or the notebook as it was."""
    parameters: Mapping[str, str] = {}
    inputs: Mapping[str, str] = {}
    allow_effects: bool = False
    report: Report | None = None
    say: Callable[[str], None] | None = None
    """Hears what is about to be executed."""


class Checked(msgspec.Struct, frozen=True):
    """A given input against what the job of one side was made with."""

    side: Where
    check: InputCheck


class Review(msgspec.Struct):
    """What changed, what failed, whether the objective is met."""

    notebook: str
    base: str
    base_kind: Literal["job", "notebook"]
    changes: Changes
    compared: bool = False
    """False if there is no job on one side."""
    base_ran: bool = False
    """False if what the base recorded stood in for its run."""
    failures: list[Failure] = []
    objective: Objective | None = None
    parameters: dict[str, str] = {}
    inputs: dict[str, str] = {}
    checks: list[Checked] = []
    moved: bool = False
    """True if the base is a job, and not the one that the notebook makes now."""
    cells: int = 0
    """Cells of the job, of `cells_total` in the notebook."""
    cells_total: int = 0


class _Made(msgspec.Struct):
    """A side on its way: its job (None: the notebook failed), what its run gave."""

    where: Where
    bundle: Bundle | None = None
    fresh: bool = False
    """True if its notebook has just been run, or was as it stands: what that recorded can stand in for a run of the job."""
    ran: bool = False
    needed: set[str] = set()
    """Ids of the cells that its job was made of."""
    goal: Goal | None = None
    """The objective of the notebook's experiment: the newest."""
    metrics: dict[tuple[str, str], list[Scalar]] | None = None
    """None until it ran, or what it recorded was taken."""
    failures: list[Failure] = []
    checks: list[Checked] = []
    notes: list[str] = []


def review(asked: Asked) -> Review:
    """Convert, run, compare. What fails to run is in `failures`; bad input raises before anything runs, where it can be known."""
    open_ledger()  # a store that cannot take the record is said before anything runs
    read_notebook(asked.notebook)
    kind: Literal["job", "notebook"] = "job" if asked.base.is_dir() else "notebook"
    if kind == "notebook":
        _must_be_another(asked)
    with tempfile.TemporaryDirectory(prefix="mlops-review-", ignore_cleanup_errors=True) as scratch:
        place = Path(scratch).resolve()
        base = _Made("base", load(asked.base)) if kind == "job" else _convert("base", asked.base, place, asked)
        now = _convert("now", asked.notebook, place, asked, base.bundle if kind == "job" else None)
        _must_fit(asked, [base, now])
        for side in (base, now) if now.bundle is not None else ():
            _run(side, asked)
        found = _compared(base, now)
    if kind == "notebook" and base.bundle is not None and now.bundle is not None:
        found.notes += _aside(asked, base, now)
    return _redacted(_answer(asked, base, now, found))


def _answer(asked: Asked, base: _Made, now: _Made, found: Changes) -> Review:
    kind: Literal["job", "notebook"] = "notebook" if base.fresh or base.bundle is None else "job"
    judged = objective(now.goal, now.metrics) if now.goal is not None and now.metrics is not None and not now.failures else None
    manifest = now.bundle.manifest if now.bundle is not None else None
    return Review(
        notebook=str(asked.notebook), base=str(asked.base), base_kind=kind, changes=found,
        compared=base.bundle is not None and now.bundle is not None, base_ran=base.ran,
        failures=[*base.failures, *now.failures], objective=judged, parameters=dict(asked.parameters), inputs=dict(asked.inputs),
        checks=[*base.checks, *now.checks], moved=kind == "job" and found.moved,
        cells=manifest.cells if manifest is not None else 0, cells_total=manifest.cells_total if manifest is not None else 0)


def must_pass(found: Review, *, strict: bool = False) -> None:
    """Raise JobFailedError: the notebook did not run, the objective is missed, or, with `strict`, the base is another job now.

    A base that does not run is said, and stops nobody: the change may be what mends it.
    """
    failed = [one for one in found.failures if one.side == "now"]
    if failed:
        raise JobFailedError(failed[0].what, "mend the cell, and review again")
    goal = found.objective
    if goal is not None and goal.state in {"missed", "not seen"}:
        raise JobFailedError(f"the objective is {goal.state}: {goal.text} ({goal_in_words(goal)})",
                             "mend the notebook; or agree on another objective: %mlops goal, in the notebook")
    if strict and found.moved:
        raise JobFailedError(f"the job {found.base} is not what {found.notebook} makes now",
                             f"mlops convert {found.notebook} -o {found.base} --overwrite")


def goal_in_words(goal: Objective) -> str:
    """`auc ≥ 0.75`."""
    bounds = [f"{sign} {bound:g}" for sign, bound in (("≥", goal.at_least), ("≤", goal.at_most)) if bound is not None]
    return f"{goal.metric} {' and '.join(bounds)}".strip()


def _must_be_another(asked: Asked) -> None:
    """A base that is the notebook itself would always be equal."""
    read_notebook(asked.base)
    if asked.base.resolve() == asked.notebook.resolve():
        raise InputError(f"--base {asked.base} is the notebook itself",
                         f"git show main:./{asked.notebook.name} > base.ipynb, and give --base base.ipynb")


def _convert(where: Where, notebook: Path, place: Path, asked: Asked, like: Bundle | None = None) -> _Made:
    """The job of a notebook, in `place`, made as the job `like` was. A notebook that does not run has none."""
    how = Conversion(results_asked(like.manifest) if like is not None else [], verify=False)
    if asked.say is not None:
        asked.say(f"Making a job from {notebook}")
    try:
        ready = prepare(Source(notebook=notebook), how, asked.report)
    except JobFailedError as error:
        return _Made(where, failures=[Failure(where, error.what)])
    if like is not None:
        plain = ready.draft.manifest
        literals = plain.parameters if plain.seed is None else plain.parameters[:-1]  # the last is a seed that stands in no cell
        said = said_of(like.manifest, [cell.source for cell in _cells(like)], literals, plain.inputs)
        how = msgspec.structs.replace(how, keep=said.keep, terms=said.terms, policies=said.policies)
        ready = prepare(Source(session=ready.session), how)
    bundle = finish(ready, place / where, how).folder
    goals = open_ledger().goals(ready.draft.manifest.experiment_id)
    return _Made(where, load(bundle), fresh=True, needed={cell.id for cell in ready.draft.cells},
                 goal=max(goals, key=lambda goal: goal.at, default=None))


def _must_fit(asked: Asked, sides: Sequence[_Made]) -> None:
    """Raise InputError for a parameter or an input that no job has, or that one refuses; ConflictError for effects."""
    bundles = [side.bundle for side in sides if side.bundle is not None]
    parameters = [one for bundle in bundles for one in bundle.manifest.parameters]
    inputs = [one for bundle in bundles for one in bundle.manifest.inputs]
    for name in asked.parameters:
        if bundles and name not in {one.name for one in parameters}:
            raise InputError(f"neither job has a parameter {name!r}", f"parameters: {describe(bundles[-1].manifest.parameters)}")
    for name in asked.inputs:
        if bundles and name not in {one.name for one in inputs}:
            raise InputError(f"neither job has an input {name!r}", f"inputs: {names_of(inputs)}")
    for bundle in (side.bundle for side in sides if side.bundle is not None and not _recorded_will_do(side, asked)):
        validate(bundle.manifest.parameters, _own_parameters(bundle, asked))
        resolve_inputs(bundle, _own_inputs(bundle, asked))
        if bundle.manifest.effects and not asked.allow_effects:
            raise ConflictError("running the job again would repeat what its cells did outside their folder: "
                                f"{'; '.join(bundle.manifest.effects)}", "allow it with --allow-effects")


def _own_parameters(bundle: Bundle, asked: Asked) -> dict[str, str]:
    known = {one.name for one in bundle.manifest.parameters}
    return {name: value for name, value in asked.parameters.items() if name in known}


def _own_inputs(bundle: Bundle, asked: Asked) -> dict[str, str]:
    known = {one.name for one in bundle.manifest.inputs}
    return {name: value for name, value in asked.inputs.items() if name in known}


def _run(side: _Made, asked: Asked) -> None:
    """Run the job of a side, recorded for the comparison only; or take what a base recorded, where nothing else is asked."""
    from mlops_jupyter.jobs.run import RunOptions, run_bundle

    bundle = side.bundle
    if bundle is None:
        return
    parameters, inputs = _own_parameters(bundle, asked), _own_inputs(bundle, asked)
    if _recorded_will_do(side, asked):
        side.metrics = {(one.name, one.key): one.values for one in bundle.reference().metrics}
        return
    if asked.say is not None:
        asked.say(f"Running the job of {asked.base if side.where == 'base' else asked.notebook}")
    with private_folder() as folder:
        try:
            track = private_options(folder, Origin(job=bundle.manifest.digest))
            done = run_bundle(bundle.folder, parameters, inputs, RunOptions(
                output=folder / "output.ipynb", work=folder / "work", progress=asked.report, track=track))
        except JobFailedError as error:  # an input that its policy refuses
            side.failures.append(Failure(side.where, error.what))
            return
        side.ran, side.metrics = True, metrics_of(read_recorded(folder).observations)
    side.checks = [Checked(side.where, check) for check in done.checks if check.name in inputs]
    if done.differs:
        side.notes.append(f"the job of the {side.where} ran outside the environment of its lock: {on_one_line(done.differs)}")
    if done.outcome.state != "succeeded":
        side.failures.append(Failure(side.where, _failure(bundle, done.outcome)))
    elif side.fresh and not parameters and not inputs and bundle.manifest.seed is None:
        side.notes += _not_again(side, bundle)


def _not_again(side: _Made, bundle: Bundle) -> list[str]:
    """A word where a job, on the inputs of its notebook, gives other metrics than that did."""
    recorded = {(one.name, one.key): one.values for one in bundle.reference().metrics}
    found = compare_metrics(recorded, dict(side.metrics or {}), Settings.current().tolerance)
    other = [one.name for one in found if one.verdict not in HOLDS]
    return [f"the job of the {side.where} does not give again what its notebook gave: {names(other)}"] if other else []


def _recorded_will_do(side: _Made, asked: Asked) -> bool:
    """Whether what a base recorded can stand in for its run: nothing else is asked of it, and it would come out again.

    A clean run gave it again, or it has just been recorded with all its draws seeded.
    """
    bundle = side.bundle
    if bundle is None or side.where != "base" or _own_parameters(bundle, asked) or _own_inputs(bundle, asked):
        return False
    return bundle.manifest.verified or (side.fresh and bundle.manifest.seed is None)


def _failure(bundle: Bundle, outcome: Outcome) -> str:
    where = f" in cell {outcome.cell}" if outcome.cell is not None else ""
    source = "".join(f"\n    {line}" for line in outcome.source.strip().splitlines()[:5])
    return f"the job of {bundle.manifest.notebook or bundle.manifest.name} {outcome.state}{where}: {outcome.error}{source}"


def _aside(asked: Asked, base: _Made, now: _Made) -> list[str]:
    """What changed in the notebook and is in no job: its objective, and cells that the results do not need."""
    bounds = [(goal.metric, goal.at_least, goal.at_most) if goal is not None else None for goal in (base.goal, now.goal)]
    was = "not set"
    if base.goal is not None:
        was = goal_in_words(objective(base.goal, {})) or base.goal.text
    notes = [f"the objective was {was}"] if bounds[0] != bounds[1] else []
    before, after = ({cell: normalised(source) for cell, source in file_cells(file)} for file in (asked.base, asked.notebook))
    needed = base.needed | now.needed
    differ = [cell for cells, others in ((after, before), (before, after)) for cell, source in cells.items()
              if cell not in needed and source not in others.values()]
    told = names(list(dict.fromkeys(differ)))
    return notes + ([f"cells that the results do not need changed too: {told}"] if told else [])


def _compared(base: _Made, now: _Made) -> Changes:
    """What changed, as far as both have a job."""
    notes = [*base.notes, *now.notes]
    if base.bundle is None or now.bundle is None:
        return Changes(metrics=not_compared(now.metrics or {}, now.goal), notes=notes)
    found = changes(_side(base, base.bundle), _side(now, now.bundle), now.goal, Settings.current().tolerance)
    found.notes += notes
    return found


def _side(made: _Made, bundle: Bundle) -> Side:
    modules = {name: (bundle.folder / name).read_text("utf-8", "replace") for name in bundle.manifest.files
               if name.endswith(".py")}
    locked = {REQUIREMENTS, PYLOCK} <= set(bundle.manifest.files)
    versions = read_lock(bundle).versions if locked else {}
    return Side(manifest=bundle.manifest, cells=_cells(bundle), modules=modules, versions=versions,
                metrics=made.metrics or {}, ran=made.metrics is not None and not made.failures)


def _cells(bundle: Bundle) -> list[Cell]:
    """The cells of a job, but for that of its parameters."""
    return [Cell(str(cell.id), str(cell.source)) for cell in code_cells(read_notebook(bundle.notebook))
            if "parameters" not in cell.metadata.get("tags", [])]


def _redacted(found: T) -> T:
    """The same without secrets: a base may come from anywhere, and an error may say anything."""
    redact = redactor()

    def clean(value: object) -> object:
        if isinstance(value, str):
            return redact(value)
        if isinstance(value, list):
            return [clean(item) for item in value]
        if isinstance(value, dict):
            return {key: redact.under(key, item) if isinstance(item, str) else clean(item) for key, item in value.items()}
        return value

    return msgspec.convert(clean(msgspec.to_builtins(found)), type(found))
