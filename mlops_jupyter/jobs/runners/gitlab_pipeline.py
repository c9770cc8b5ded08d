"""A job as a file that the CI of GitLab includes: variables for its parameters, or a matrix with a number for each order.

GitLab itself replaces `$NAME` in the values of variables. So a dollar sign in a default is doubled, as GitLab asks for, and what
we hand over is JSON without one. No value is ever put into a command: the shell takes it from its variable, as one word.
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

CHOICE, SUBMISSION, HANDED = "MLOPS_RUN", "MLOPS_SUBMISSION", "MLOPS_HANDED"
"""Variables of a pipeline: which job is to run, for which submission, and what is handed over."""
_CHILDREN = 200  # so many jobs a matrix can have
_NAME = re.compile(r"\w+", re.ASCII)


class Shape(msgspec.Struct, frozen=True):
    """What of the runner's options a file is made of."""

    environment: ci.Environment
    package: str
    image: str
    tags: tuple[str, ...]
    minutes: int


def title(job: ci.Job) -> str:
    """The name of the job in GitLab."""
    return f"mlops-{job.name}"


def pipeline(job: ci.Job, orders: Sequence[Order], shape: Shape) -> str:
    """The body of the file, for one order with a variable for each parameter, for several as a matrix."""
    if len(orders) > _CHILDREN:
        raise InputError(f"{len(orders)} orders do not go into one matrix of GitLab: it takes {_CHILDREN}",
                         "hand over fewer at once")
    chosen = job.name + ("-sweep" if len(orders) > 1 else "")
    choice = {CHOICE: {"value": "", "description": f"The job of mlops that is to run, such as {chosen}"}}
    variables = choice if len(orders) > 1 else {**choice, **_variables(job, orders[0])}
    document = {"variables": variables, title(job) + chosen.removeprefix(job.name): _job(job, orders, shape, chosen)}
    return _remarks(job, chosen, orders[0].schedule) + ci.as_yaml(document)


def _remarks(job: ci.Job, chosen: str, schedule: Schedule | None) -> str:
    lines = ["It does nothing before it is included in .gitlab-ci.yml:", "  include:", f"    - local: .gitlab/mlops-{chosen}.yml",
             f"Then it runs in a pipeline with the variable {CHOICE}={chosen}, and in no other."]
    if schedule is not None:
        words = ["glab", "schedule", "create", "--description", title(job), "--ref", "main", "--cron", schedule.cron,
                 "--cronTimeZone", schedule.zone, "--variable", f"{CHOICE}:{chosen}"]
        lines += ["GitLab keeps schedules outside of files. This makes it:", f"  {shlex.join(words)}",
                  "One that is due while the one before runs waits for it; what was missed is not made up for."]
    return "".join(f"# {line}\n" for line in lines)


def _variables(job: ci.Job, order: Order) -> dict[str, object]:
    values = ci.values_of(job, order)
    if _as_form(job):
        return {variable(job, one.name): _variable(job, one, values[one.name]) for one in job.manifest.parameters
                if one.name in values}
    told = "; ".join(f"{name} ({ci.described(job, name)})" for name in values)
    return {variable(job, "parameters"): {"value": json_without_dollars(values),
                                          "description": f"Parameters as one JSON object: {told}"[:1000]}}


def _variable(job: ci.Job, one: JobParameter, value: object) -> dict[str, object]:
    told: dict[str, object] = {"value": _plain(_text(value)), "description": ci.described(job, one.name)}
    choices = [True, False] if one.type == "boolean" else one.schema.get("enum")
    if isinstance(choices, list) and value in choices:
        return {**told, "options": [_plain(_text(each)) for each in choices]}
    return told


def variable(job: ci.Job, name: str) -> str:
    """The variable for a parameter: of this job only, where a project has several."""
    return "_".join([re.sub(r"\W", "_", job.name, flags=re.ASCII), name]).lstrip("0123456789")


def _as_form(job: ci.Job) -> bool:
    return all(_NAME.fullmatch(one.name) for one in job.manifest.parameters)


def _job(job: ci.Job, orders: Sequence[Order], shape: Shape, chosen: str) -> dict[str, object]:
    many = len(orders) > 1
    told: dict[str, object] = {"image": shape.image or f"python:{job.python}"}
    if shape.tags:
        told["tags"] = list(shape.tags)
    told |= {"rules": [{"if": f'${CHOICE} == "{chosen}"'}], "timeout": f"{_minutes(orders[0], shape)} minutes"}
    if orders[0].schedule is not None:
        told["resource_group"] = title(job)
    if many:
        told["parallel"] = {"matrix": [{"AT": [str(at) for at in range(1, len(orders) + 1)]}]}
        told["variables"] = {f"HANDED_{at}": _handed(each, each.parameters).text() for at, each in enumerate(orders, 1)}
    elif (always := _handed(orders[0], {}).text()) != "{}":
        told["variables"] = {HANDED: always}
    if shape.environment == "lock":
        key = "-".join(filter(None, ["mlops", ci.slug(shape.image or job.python), job.lock, ci.slug(ci.wanted(shape.package))]))
        told["cache"] = {"key": key, "paths": [ci.HOME]}
    told["script"] = _script(job, orders, shape)
    told["artifacts"] = {"when": "always", "paths": [ci.DELIVERED]}
    return told


def _minutes(order: Order, shape: Shape) -> int:
    """The limit of the job: so that an attempt that is stopped for its own limit still delivers."""
    return math.ceil(order.timeout * (order.retries + 1) / 60) + 10 if order.timeout else shape.minutes


def _script(job: ci.Job, orders: Sequence[Order], shape: Shape) -> list[str]:
    lines, path = [], ""
    if shape.environment == "lock":
        lines.append(ci.install(job, shape.package))
        path = f'PATH="$PWD/{ci.HOME}/bin:$PATH" '
    words: list[tuple[str, ...]] = [(f"{path}mlops run", shlex.quote(job.folder))]
    if len(orders) > 1:
        handed, submission = '"$(printenv "HANDED_$AT")"', '"gitlab-$CI_PIPELINE_ID-$AT"'
    else:
        handed, submission = f'"${HANDED}"', f'"${{{SUBMISSION}:-gitlab-$CI_PIPELINE_ID}}"'
        if _as_form(job):
            words += [("-p", f'{name}="${variable(job, name)}"') for name in ci.values_of(job, orders[0])]
        else:
            lines.append(_from_json(job, orders[0]))
    words += [("--handed", handed), ("--submission", submission), ("--deliver", ci.DELIVERED)]
    return [*lines, ci.in_lines(words)]


def _from_json(job: ci.Job, order: Order) -> str:
    """The line that makes what is handed over from the parameters that somebody gave as JSON."""
    rest = _handed(order, {}).text()
    end = shlex.quote(f", {rest[1:]}" if rest != "{}" else "}")
    made = f"""'{{"parameters": '"${variable(job, 'parameters')}"{end}"""
    return f'if [ -z "${SUBMISSION}" ]; then {HANDED}={made}; fi'


def _handed(order: Order, values: Mapping[str, object]) -> Handed:
    """What is the same in each run: not which submission it is."""
    told = {name: _text(value) for name, value in values.items()}
    return Handed(parameters=told, inputs=order.inputs, deliver=order.deliver, retries=order.retries, timeout=order.timeout)


def _text(value: object) -> str:
    return as_text(value)  # type: ignore[arg-type] # what a job can be given


def _plain(text: str) -> str:
    """As GitLab keeps it: no name of a variable in it."""
    return text.replace("$", "$$")
