"""A job as a workflow of GitHub Actions: a form with an input for each parameter, or a matrix with a line for each order.

No value is ever put into a command: it stands in a variable of the step, and the shell takes it from there as one word. Text that
GitHub would read as an expression travels as JSON without a dollar sign.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping, Sequence

import msgspec

from mlops_jupyter.entities import InputError, JobParameter, Schedule
from mlops_jupyter.jobs.parameters import as_text
from mlops_jupyter.jobs.runners import Handed, Order, ci, json_without_dollars

INPUTS = 25
"""So many inputs a workflow can have (since 2025-12; ten before)."""
OURS = ("submission", "handed")
"""The inputs that we fill in when we start a workflow."""
_CHILDREN = 256  # so many jobs a matrix can have
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(r"env:(\w+)")
_EXPRESSION = "${{"

Step = dict[str, object]


class Shape(msgspec.Struct, frozen=True):
    """What of the runner's options a workflow is made of."""

    environment: ci.Environment
    package: str
    runs_on: str
    minutes: int


def workflow(job: ci.Job, orders: Sequence[Order], shape: Shape) -> str:
    """The body of the file, for one order as a form, for several as a matrix."""
    schedule = orders[0].schedule
    many = len(orders) > 1
    if len(orders) > _CHILDREN:
        raise InputError(f"{len(orders)} orders do not go into one matrix of GitHub: it takes {_CHILDREN}",
                         "hand over fewer at once")
    document = {
        "name": f"mlops {job.name}",
        **({} if many else {"run-name": f"mlops {job.name} ${{{{ inputs.submission }}}}"}),
        "on": _events(job, orders, schedule),
        "permissions": {"contents": "read"},
        "concurrency": _concurrency(job, schedule),
        "jobs": {"run": _job(job, orders, shape)},
    }
    return _remarks(schedule) + ci.as_yaml(document)


def _events(job: ci.Job, orders: Sequence[Order], schedule: Schedule | None) -> dict[str, object]:
    events: dict[str, object] = {"workflow_dispatch": {} if len(orders) > 1 else {"inputs": _inputs(job, orders[0])}}
    if schedule is not None:
        events["schedule"] = [{"cron": schedule.cron}]
    return events


def _remarks(schedule: Schedule | None) -> str:
    if schedule is None:
        return ""
    skip = "# GitHub cannot leave one out while the one before runs: it waits for it.\n" if schedule.overlap == "skip" else ""
    return ("# Times are UTC: GitHub knows no other zone, and no summer time. It may start late, and makes up for nothing\n"
            f"# that it missed. Only the file on the default branch is started.\n{skip}")


def _concurrency(job: ci.Job, schedule: Schedule | None) -> dict[str, object]:
    if schedule is None:
        return {"group": f"mlops-{job.name}-${{{{ github.run_id }}}}"}
    group = f"mlops-{job.name}-${{{{ github.event_name == 'schedule' && 'schedule' || github.run_id }}}}"
    return {"group": group, "cancel-in-progress": schedule.overlap == "cancel-old"}


def _inputs(job: ci.Job, order: Order) -> dict[str, object]:
    values = ci.values_of(job, order)
    if _as_form(job, order):
        inputs: dict[str, object] = {one.name: _input(job, one, values[one.name]) for one in job.manifest.parameters
                                     if one.name in values}
    else:
        told = "; ".join(f"{name} ({ci.described(job, name)})" for name in values)
        inputs = {"parameters": {"description": f"Parameters as one JSON object: {told}"[:1000], "type": "string",
                                 "default": json_without_dollars(values)}}
    for name, what in zip(OURS, ("Which submission it is a run of", "What mlops hands over"), strict=True):
        inputs[name] = {"description": f"{what}: leave it empty", "type": "string", "default": ""}
    return inputs


def _input(job: ci.Job, one: JobParameter, value: object) -> dict[str, object]:
    told = {"description": ci.described(job, one.name)}
    choices = one.schema.get("enum")
    if isinstance(choices, list) and value in choices:
        return {**told, "type": "choice", "options": [as_text(each) for each in choices], "default": _text(value)}
    if one.type == "boolean":
        return {**told, "type": "boolean", "default": value}
    if one.type in {"integer", "number"}:
        return {**told, "type": "number", "default": value}
    return {**told, "type": "string", "default": _text(value)}


def _as_form(job: ci.Job, order: Order) -> bool:
    """Whether each parameter can be an input. Names are one there whatever their case; a text with an expression is not kept."""
    values = ci.values_of(job, order)
    names = {name.lower() for name in [*values, *OURS]}
    fit = all(_NAME.fullmatch(name) for name in values) and len(names) == len(values) + len(OURS)
    plain = not any(_EXPRESSION in _text(value) or "\n" in _text(value) for value in values.values())
    return fit and plain and len(names) <= INPUTS


def _job(job: ci.Job, orders: Sequence[Order], shape: Shape) -> dict[str, object]:
    many = len(orders) > 1
    told: dict[str, object] = {"name": f"{job.name} ${{{{ matrix.at }}}}"} if many else {}
    told |= {"runs-on": shape.runs_on, "timeout-minutes": _minutes(orders[0], shape)}
    if many:
        lines = [{"at": at, "handed": _handed(each, each.parameters).text()} for at, each in enumerate(orders, 1)]
        told["strategy"] = {"fail-fast": False, "matrix": {"include": lines}}
    told["steps"] = [{"uses": "actions/checkout@v4"}, *_environment(job, shape), _run(job, orders, shape), _keep(job, many)]
    return told


def _minutes(order: Order, shape: Shape) -> int:
    """The limit of the job: so that an attempt that is stopped for its own limit still delivers."""
    return math.ceil(order.timeout * (order.retries + 1) / 60) + 10 if order.timeout else shape.minutes


def _environment(job: ci.Job, shape: Shape) -> list[Step]:
    if shape.environment == "machine":
        return []
    parts = ["mlops", "${{ runner.os }}", "${{ runner.arch }}", "${{ steps.python.outputs.python-version }}",
             *filter(None, [job.lock]), ci.slug(ci.wanted(shape.package))]
    return [
        {"id": "python", "uses": "actions/setup-python@v5", "with": {"python-version": job.python}},
        {"uses": "actions/cache@v4", "with": {"path": ci.HOME, "key": "-".join(parts)}},
        {"name": "Install what the job is locked to", "run": ci.install(job, shape.package)},
    ]


def _run(job: ci.Job, orders: Sequence[Order], shape: Shape) -> Step:
    env: dict[str, str] = {}
    path = f'PATH="$PWD/{ci.HOME}/bin:$PATH" ' if shape.environment == "lock" else ""
    words: list[tuple[str, ...]] = [(f"{path}mlops run", shlex.quote(job.folder))]
    names = "github-$GITHUB_RUN_ID"
    if len(orders) > 1:
        env["HANDED"] = "${{ matrix.handed }}"
        submission = f"{names}-$AT"
        env["AT"] = "${{ matrix.at }}"
    else:
        _form(job, orders[0], env, words)
        submission = f"${{SUBMISSION:-{names}}}"
        env["SUBMISSION"] = "${{ github.event.inputs.submission }}"
    env |= {one: f"${{{{ secrets.{one} }}}}" for one in secrets_of(job, orders[0])}
    env |= {"MLOPS_STORE": "${{ vars.MLOPS_STORE }}", "MLOPS_TOKEN": "${{ secrets.MLOPS_TOKEN }}"}
    words += [("--handed", '"$HANDED"'), ("--submission", f'"{submission}"'), ("--deliver", ci.DELIVERED)]
    return {"name": f"Run the job {job.name}", "env": env, "run": ci.in_lines(words)}


def _form(job: ci.Job, order: Order, env: dict[str, str], words: list[tuple[str, ...]]) -> None:
    """The words and variables for what the form says; what is handed over wins, and on a schedule nobody fills in a form."""
    always = _handed(order, {}).text()
    if _as_form(job, order):
        for name in ci.values_of(job, order):
            env[f"P_{name}"] = _input_of(name)
            words += [("-p", f'{name}="$P_{name}"')]
        given = "" if always == "{}" else f" || {_quoted(always)}"
    else:
        rest = f", {always[1:]}" if always != "{}" else "}"
        form = f'{{"parameters": \0{rest}'.replace("{", "{{").replace("}", "}}").replace("\0", "{0}")
        given = f" || format({_quoted(form)}, inputs.parameters)"
    timed = ""
    if order.schedule is not None:
        timed = f"github.event_name == 'schedule' && {_quoted(_handed(order, ci.values_of(job, order)).text())} || "
    env["HANDED"] = f"${{{{ {timed}github.event.inputs.handed{given} }}}}"


def _input_of(name: str) -> str:
    """What was typed, letter by letter (`inputs` makes a number of it, which GitHub rounds), else the default."""
    return f"${{{{ github.event.inputs.{name} || inputs.{name} }}}}"


def _quoted(text: str) -> str:
    """A text in an expression of GitHub."""
    return "'" + text.replace("'", "''") + "'"


def secrets_of(job: ci.Job, order: Order) -> list[str]:
    """The variables in which the job looks for its secrets. InputError for a secret that is kept on this machine."""
    found = []
    for one in job.manifest.parameters:
        if one.type == "secret":
            where = _SECRET.fullmatch(str(order.parameters.get(one.name, one.default)))
            if where is None:
                raise InputError(f"the secret {one.name} is kept on this machine, and GitHub does not have it",
                                 f"gh secret set {one.name.upper()}, and -p {one.name}=env:{one.name.upper()}")
            found.append(where[1])
    return found


def _keep(job: ci.Job, many: bool) -> Step:
    name = f"mlops-{job.name}-{'${{ matrix.at }}-' if many else ''}${{{{ github.run_attempt }}}}"
    return {"name": "Keep what it made", "if": "always()", "uses": "actions/upload-artifact@v4",
            "with": {"name": name, "path": ci.DELIVERED, "if-no-files-found": "ignore"}}


def _handed(order: Order, values: Mapping[str, object]) -> Handed:
    """What is the same in each run: not which submission it is."""
    told = {name: _text(value) for name, value in values.items()}
    return Handed(parameters=told, inputs=order.inputs, deliver=order.deliver, retries=order.retries, timeout=order.timeout)


def _text(value: object) -> str:
    return as_text(value)  # type: ignore[arg-type] # what a job can be given
