"""Handing a job to a runner: what can be wrong with it is said before it is handed over, and it is on record before it starts.

The submission is stored first, without a place; then its runner takes it; then the place is stored. So what a crash leaves
between is a submission that never got a place, and no job that nobody knows of.
"""

from __future__ import annotations

import getpass
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import msgspec

from mlops_jupyter import plugins
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.telling import must_be_tellable
from mlops_jupyter.config import Settings
from mlops_jupyter.entities import AnyStore, ConflictError, InputError, Outcome, Schedule, Submission, new_id
from mlops_jupyter.jobs.bundle import Bundle, load
from mlops_jupyter.jobs.parameters import validate
from mlops_jupyter.jobs.runners import Order, Runner, gather_options, read_options
from mlops_jupyter.jobs.schedule import check
from mlops_jupyter.jobs.work import resolve_inputs

TOKEN_DAYS = 30
"""Days for which a submission's token is good, if it does not end before."""


class Handing(msgspec.Struct, frozen=True, kw_only=True):
    """How a job is handed over. `options` are the runner's; `deliver` a folder or an address for what its attempts make."""

    options: Mapping[str, str] = {}
    unverified: bool = False
    """Also a job that was never verified."""
    deliver: str = ""
    retries: int = 0
    timeout: float | None = None
    schedule: Schedule | None = None
    tell: Sequence[str] = ()
    parent: str = ""


def submit(folder: str | Path, runner: str, parameters: Mapping[str, object] | None = None,
           inputs: Mapping[str, str] | None = None, how: Handing | None = None) -> Submission:
    """Hand the job in `folder` to the runner of that name. ConflictError for a job that was never verified, unless allowed."""
    return submit_all(folder, runner, [parameters or {}], inputs, how)[0]


def submit_all(folder: str | Path, runner: str, parameters: Sequence[Mapping[str, object]],
               inputs: Mapping[str, str] | None = None, how: Handing | None = None) -> list[Submission]:
    """As `submit`, for several sets of parameters at once: all of them are handed over, or none."""
    how = how or Handing()
    place = runner_of(runner, how.options)
    how = msgspec.structs.replace(how, options=gather_options(runner, place.Options, how.options))  # for whoever asks later
    bundle = _checked(folder, runner, how)
    must_be_tellable(how.tell)
    store = open_ledger()
    made = _drafts(bundle, runner, parameters, inputs or {}, how)
    for one in made:
        store.put(one)
    return handed(store, bundle, made, how, place)


def handed(store: AnyStore, bundle: Bundle, made: Sequence[Submission], how: Handing, place: Runner) -> list[Submission]:
    """Give to their runner what is on record already. One that it does not take has failed, and that is on record too."""
    try:
        orders = [_order(bundle, one, how, place, store) for one in made]
        places = place.submit(orders)
    except BaseException as error:
        never_handed_over(store, made, error)
        raise
    began = "scheduled" if how.schedule is not None else "queued"
    done = []
    for one, where in zip(made, places, strict=True):
        taken = msgspec.structs.replace(one, place=where, state=began)
        done.append(taken if store.settle(taken, "queued") else one)
    return done


def preview(folder: str | Path, runner: str, parameters: Sequence[Mapping[str, object]],
            inputs: Mapping[str, str] | None = None, how: Handing | None = None) -> str:
    """What would be written and started. Nothing happens."""
    how = how or Handing()
    place = runner_of(runner, how.options)
    bundle = _checked(folder, runner, how)
    made = _drafts(bundle, runner, parameters, inputs or {}, how)
    named = [msgspec.structs.replace(one, id=f"SUBMISSION{number}" if len(made) > 1 else "SUBMISSION")
             for number, one in enumerate(made, 1)]
    return place.preview([_order(bundle, one, how, place, None) for one in named])


def runner_of(name: str, options: Mapping[str, str]) -> Runner:
    """The runner of that name, with these options. InputError for one that is not there, or lacks what it needs."""
    known = plugins.available(plugins.RUNNER)
    if name not in known:
        raise InputError(f"there is no runner {name!r}", f"runners here: {', '.join(sorted(known)) or 'none'}")
    kind = kind_of(name)
    return cast("Callable[[msgspec.Struct], Runner]", kind)(read_options(name, kind.Options, options))


def kind_of(name: str) -> type[Runner]:
    """The class of a runner."""
    try:
        kind = plugins.load(plugins.RUNNER, name)
    except ImportError as error:
        raise InputError(f"the runner {name} needs {error.name}, which is not installed",
                         f"pip install 'mlops_jupyter[{name}]'") from None
    if not isinstance(kind, type) or not all(hasattr(kind, word) for word in ("about", "states", "Options", "submit")):
        raise InputError(f"the plugin of runner {name!r} is no runner", "mlops doctor")
    return cast("type[Runner]", kind)


def user_here() -> str:
    """Who is on which machine: a place on this one can be asked by nobody else."""
    return f"{_user()}@{socket.gethostname()}"


def _checked(folder: str | Path, runner: str, how: Handing) -> Bundle:
    schedules = kind_of(runner).about.schedules
    if how.schedule is None and schedules == "must":
        raise InputError(f"the runner {runner} starts jobs by a schedule, and none is given",
                         "give it one, at six on working days: --schedule '0 6 * * 1-5' --zone Europe/Berlin")
    if how.schedule is not None and schedules == "no":
        able = [name for name in sorted(plugins.available(plugins.RUNNER)) if _takes_schedules(name)]
        raise InputError(f"the runner {runner} takes no schedule", f"runners that do: {', '.join(able) or 'none here'}")
    if how.schedule is not None:
        check(how.schedule)
    bundle = load(folder)
    if not bundle.manifest.verified and not how.unverified:
        raise ConflictError(f"the job {folder} is {bundle.manifest.verdict}: no clean run of it gave the recorded results",
                            f"mlops submit {folder} --to {runner} --unverified, or convert it again with verification")
    return bundle


def _takes_schedules(name: str) -> bool:
    try:
        return kind_of(name).about.schedules != "no"
    except InputError:  # its extra is not installed
        return False


def _drafts(bundle: Bundle, runner: str, parameters: Sequence[Mapping[str, object]], inputs: Mapping[str, str],
            how: Handing) -> list[Submission]:
    """One for each set of parameters, all of them checked; not stored yet."""
    typed = [validate(bundle.manifest.parameters, given) for given in parameters]
    found = {name: where for name, where in resolve_inputs(bundle, inputs).items() if name in inputs}
    now = time.time()
    manifest, tell = bundle.manifest, [*how.tell, *Settings.current().addresses()]
    deliver = how.deliver
    if how.schedule is not None and deliver and "://" not in deliver:
        deliver = str(Path(deliver).absolute())  # it starts elsewhere
    common = Submission(
        "", manifest.digest, runner, now, "queued", name=manifest.name, owner=manifest.owner or _user(), inputs=found,
        options=dict(how.options), deliver=deliver, schedule=how.schedule, parent=how.parent, tell=list(dict.fromkeys(tell)),
        queued=now, host=user_here() if kind_of(runner).about.here else "", bundle=str(bundle.folder.absolute()),
        retries=how.retries, timeout=how.timeout)
    return [msgspec.structs.replace(common, id=new_id(), parameters=values) for values in typed]


def _order(bundle: Bundle, one: Submission, how: Handing, place: Runner, store: AnyStore | None) -> Order:
    """What the runner gets. Without a store nothing is made for it: it is only looked at."""
    url = Settings.current().store_url()
    remote = url.startswith(("http://", "https://"))
    is_folder = "://" not in url or url.startswith("sqlite")
    if remote or not place.about.here:
        one.deliver = one.deliver or str(Settings.current().submissions_folder() / "delivered")
    env, secrets = {"MLOPS_STORE": url}, dict[str, str]()
    if is_folder and not place.about.here:
        env = {}  # it is of this machine: what comes back are archives
    elif urlsplit(url).password:
        env, secrets = {}, env
    if remote and store is not None and place.about.schedules != "must":
        secrets["MLOPS_TOKEN"] = store.create_job_token(one.id, time.time() + TOKEN_DAYS * 86_400).secret
    return Order(submission=one.id, bundle=bundle.folder, name=bundle.manifest.name, parameters=one.parameters, inputs=one.inputs,
                 env=env, secrets=secrets, deliver=one.deliver, retries=how.retries, timeout=how.timeout, schedule=how.schedule)


def never_handed_over(store: AnyStore, made: Sequence[Submission], error: BaseException) -> None:
    """Write down that they were not, and why."""
    for one in made:
        said = getattr(error, "what", "") or f"{type(error).__name__}: {error}"
        outcome = Outcome("failed", f"it was never handed over: {said}")
        store.settle(msgspec.structs.replace(one, state="failed", outcome=outcome, ended=time.time()), "queued")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user id has no name
        return ""
