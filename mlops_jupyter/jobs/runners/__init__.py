"""Places where jobs run. A runner starts, watches, cancels, fetches logs: everywhere the same command, `mlops run BUNDLE`.

One file for each place, loaded by plugins under its name. A runner never knows how a job works, and a job never knows where.
All calls take many at once, because a sweep is many, and an engine is asked once. How a job ended is not a runner's to say: it
hands on the engine's own word, its table says what that means, and `jobs/outcome.py` judges.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import msgspec

from mlops_jupyter.entities import InputError, Scalar, Schedule, Sight
from mlops_jupyter.entities.jobs import OutcomeState
from mlops_jupyter.jobs.parameters import as_text

States = Mapping[str, OutcomeState]
"""An engine's word for how something stands → ours."""


class About(msgspec.Struct, frozen=True):
    """What a user should know of a place, each in a few words: how the parts of a job get there, and come back.

    `here`: it runs on this machine and reads this store, so that its attempts record as any kernel does.
    """

    title: str
    bundle: str
    environment: str
    inputs: str
    results: str
    here: bool = False
    extra: str = ""
    """The extra of mlops_jupyter that it needs; "" for none."""
    schedules: Literal["no", "may", "must"] = "no"
    """Whether what it is given may have a schedule."""
    ends_last: bool = False
    """Whether what a cancelled attempt leaves is there by the time that the place calls it cancelled; else it is waited for."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a runner is given: one submission of a bundle, its parameters and inputs checked.

    `env` is for the job's environment and may be read by anybody; `secrets` too, and may stand in no file that others can read,
    in no command and in no log. `deliver`: folder or address where each attempt leaves what it made.
    """

    submission: str
    bundle: Path
    name: str = "job"
    parameters: dict[str, Scalar | list[Scalar]] = {}
    inputs: dict[str, str] = {}
    env: dict[str, str] = {}
    secrets: dict[str, str] = {}
    deliver: str = ""
    retries: int = 0
    """Further attempts within one life of the command; what becomes of a lost machine is the engine's."""
    timeout: float | None = None
    """Seconds for one attempt."""
    schedule: Schedule | None = None


class Runner(Protocol):
    """A place. What `submit` answers for an order, its place, is what finds it again: a process id, a job number, a URL.

    It is made with its options, an instance of `Options`. A place that cannot be reached raises StoreError, one that refuses
    InputError, and a submission that it does not know (any more) NotFoundError.
    """

    about: ClassVar[About]
    states: ClassVar[States]
    Options: ClassVar[type[msgspec.Struct]]

    def preview(self, orders: Sequence[Order]) -> str:
        """What `submit` would write and start, as text. Nothing happens; the same orders give the same text."""

    def submit(self, orders: Sequence[Order]) -> list[str]:
        """Start them; the place of each. All of them or none."""

    def status(self, places: Sequence[str]) -> list[Sight]:
        """How each stands now, in the place's own words."""

    def cancel(self, places: Sequence[str]) -> None:
        """Ask them to stop. Nothing happens to one that has ended."""

    def logs(self, place: str) -> str:
        """What it printed so far."""


def command(order: Order, program: Sequence[str], bundle: str | Path = "") -> list[str]:
    """`mlops run BUNDLE -p k=v -i input=URI …` as an argument list: `program` is how `mlops` is called there.

    `bundle`: where the bundle is there, if not where the order has it.
    """
    words = [*program, "run", str(bundle or order.bundle)]
    for name, value in order.parameters.items():
        words += ["-p", f"{name}={as_text(value)}"]
    for name, where in order.inputs.items():
        words += ["-i", f"{name}={where}"]
    words += ["--submission", order.submission]
    if order.deliver:
        words += ["--deliver", order.deliver]
    if order.retries:
        words += ["--retries", str(order.retries)]
    if order.timeout is not None:
        words += ["--timeout", f"{order.timeout:g}s"]
    return words


class Handed(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a runner hands over as one text, where an engine carries a value better than words: `mlops run --handed TEXT`."""

    parameters: dict[str, Any] = {}
    inputs: dict[str, str] = {}
    submission: str = ""
    deliver: str = ""
    retries: int = 0
    timeout: float | None = None

    @classmethod
    def of(cls, order: Order) -> Handed:
        """All that an attempt needs to know of the order."""
        return cls({name: as_text(value) for name, value in order.parameters.items()}, order.inputs, order.submission,
                   order.deliver, order.retries, order.timeout)

    def text(self) -> str:
        """As JSON without a dollar sign: neither a shell nor an engine finds a variable in it."""
        return json_without_dollars(self)


def json_without_dollars(value: object) -> str:
    """JSON in which each dollar sign is written as JSON can write any letter."""
    return msgspec.json.encode(value).decode().replace("$", "\\u0024")


def read_handed(text: str) -> Handed:
    """What was handed over; nothing for an empty text. InputError for what is no such JSON."""
    try:
        return msgspec.json.decode(text, type=Handed) if text.strip() else Handed()
    except msgspec.DecodeError as error:
        raise InputError(f"--handed {text[:80]!r} is not what a runner hands over: {error}",
                         """it looks like --handed '{"parameters": {"month": 7}, "inputs": {}}'""") from None


def spelled(words: Sequence[str], env: Mapping[str, str]) -> str:
    """A command as a shell would take it, its variables before it."""
    return " ".join([*(f"{name}={shlex.quote(value)}" for name, value in sorted(env.items())), shlex.join(words)])


def gather_options(runner: str, kind: type[msgspec.Struct], given: Mapping[str, str]) -> dict[str, str]:
    """The options of a runner from `--set NAME=VALUE`, else from `MLOPS_<RUNNER>_<NAME>`. InputError for one that it has not."""
    names = [field.encode_name for field in msgspec.structs.fields(kind)]
    for name in given:
        if name not in names:
            raise InputError(f"the runner {runner} has no option {name!r}", f"its options: {', '.join(names) or 'none'}")
    variables = {name: f"MLOPS_{runner}_{name}".upper().replace("-", "_") for name in names}
    return {**{name: os.environ[variable] for name, variable in variables.items() if variable in os.environ}, **given}


def read_options(runner: str, kind: type[msgspec.Struct], given: Mapping[str, str]) -> msgspec.Struct:
    """The options of a runner, typed. InputError for what it has not, what it needs, and what cannot be."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    found = gather_options(runner, kind, given)
    missing = [name for name, field in fields.items() if field.required and name not in found]
    if missing:
        raise InputError(f"the runner {runner} needs {' and '.join(missing)}", f"give it: --set {missing[0]}=…")
    try:
        return msgspec.convert(found, kind, strict=False)
    except msgspec.ValidationError as error:
        where = next((name for name in found if f"$.{name}`" in str(error)), "")
        what = f"{where}={found[where]!r}" if where else "what it was given"
        raise InputError(f"the runner {runner} cannot take {what}: {error}", "mlops runners list says its options") from None
