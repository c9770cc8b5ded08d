"""GitHub Actions: a workflow in the repository that the job lies in, and, if asked for, runs of it.

`via=files` only writes it. `via=gh` also starts it, by GitHub's own client with that client's credentials; a run is found again
by its title, which names the submission. `via=act` runs it on this machine, without a container.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

import msgspec

from mlops_jupyter.entities import InputError, Sight
from mlops_jupyter.jobs.generated import stamped
from mlops_jupyter.jobs.runners import About, Handed, Order, States, ci
from mlops_jupyter.jobs.runners.github_client import STATES, Client
from mlops_jupyter.jobs.runners.github_workflow import Shape, secrets_of, workflow

_OWN = ("via", "overwrite", "keep", "ref", "arguments")  # options that change nothing in the file
_ACT = "pip install 'mlops_jupyter[ci]'"


class GithubOptions(msgspec.Struct, frozen=True, rename="kebab"):
    """`environment`: made from the job's lock and cached, or what the machine has. `package`: what pip takes for mlops_jupyter.

    `utc`: a schedule of another zone is taken as one of UTC. `keep`: a workflow that was edited is run as it stands. `minutes`:
    after which GitHub stops the job. `arguments`: more of them for act.
    """

    via: Literal["files", "gh", "act"] = "files"
    name: str = ""
    environment: ci.Environment = "lock"
    package: str = ""
    runs_on: str = "ubuntu-latest"
    minutes: int = 360
    utc: bool = False
    overwrite: bool = False
    keep: bool = False
    ref: str = ""
    arguments: str = ""


class GithubRunner:
    """Writes a workflow, and starts it there (gh) or here (act)."""

    about: ClassVar[About] = About(
        title="GitHub Actions", bundle="committed in the repository", environment="made from its lock on the runner, and cached",
        inputs="files of the repository, or addresses", results="an artifact, which gh fetches; reports to MLOPS_STORE",
        extra="ci", schedules="may", ends_last=True)
    states: ClassVar[States] = {**ci.HERE, **ci.WRITTEN, **STATES}
    Options: ClassVar[type[msgspec.Struct]] = GithubOptions

    def __init__(self, options: GithubOptions | None = None) -> None:
        self._options = options or GithubOptions()
        self._here = ci.Here()

    def preview(self, orders: Sequence[Order]) -> str:
        """The file, and what starts it."""
        job, path, text, orders = self._made(orders)
        shown = f"# {path.relative_to(job.root).as_posix()}\n{text}"
        if self._options.via == "gh":
            return shown + "".join(f"# echo {shlex.quote(_json(_inputs(job, each)))} | gh workflow run {path.name} --json\n"
                                   for each in orders)
        if self._options.via == "act":
            return shown + "".join(f"# {ci.spelled_here(each, ['act', *self._arguments(job, path, each)])}" for each in orders)
        return shown

    def submit(self, orders: Sequence[Order]) -> list[str]:
        """Write the workflow, and start it once for each order."""
        asked = orders
        options = self._options
        act = ci.program("act", _ACT) if options.via == "act" else ""
        client = Client.found() if options.via == "gh" else None
        job, path, text, orders = self._made(orders)
        ci.write_file(path, text, overwrite=options.overwrite, keep=options.keep, run=options.via != "files")
        if client is not None:
            ci.must_be_pushed(job, path)
            return client.start(job.root, path.name, options.ref or ci.branch(job), {
                each.submission: (_json(_inputs(job, each)), given.deliver) for each, given in zip(orders, asked, strict=True)})
        if options.via == "act":
            return [self._here.submit(each, [act, *self._arguments(job, path, each)]) for each in orders]
        return [ci.place_of_file(path, text) for _ in orders]

    def _made(self, orders: Sequence[Order]) -> tuple[ci.Job, Path, str, Sequence[Order]]:
        """The job, its file, what is to stand there, and the orders as they are where they run."""
        options = self._options
        job = ci.job_of(orders[0], options.name)
        _must_fit(orders, options)
        if options.via != "act":
            orders = [ci.elsewhere(job, each) for each in orders]
        plain = [Order(submission="", bundle=orders[0].bundle)] if options.via != "files" else orders
        shape = Shape(options.environment, options.package, options.runs_on, options.minutes)
        body = workflow(job, plain, shape)
        given = {field.encode_name: getattr(options, field.name) for field in msgspec.structs.fields(GithubOptions)
                 if field.name not in _OWN and getattr(options, field.name) != field.default}
        again = ci.made_again(job, "github", given, plain[0] if len(plain) == 1 else None)
        kind = "-sweep" if len(plain) > 1 else ""
        path = job.root / ".github" / "workflows" / f"mlops-{job.name}{kind}.yml"
        return job, path, stamped(body, job.manifest, again), orders

    def _arguments(self, job: ci.Job, path: Path, order: Order) -> list[str]:
        """The words after `act`. Its servers listen to this machine only."""
        words = ["workflow_dispatch", "-C", str(job.root), "-W", path.relative_to(job.root).as_posix(),
                 "-P", f"{self._options.runs_on}=-self-hosted", "--cache-server-addr", "127.0.0.1",
                 "--artifact-server-addr", "127.0.0.1"]
        words += [word for name, value in _inputs(job, order).items() for word in ("--input", f"{name}={value}")]
        secrets = {*order.secrets, *(name for name in secrets_of(job, order) if name in os.environ)}
        words += [word for name in sorted(secrets) for word in ("-s", name)]
        words += [word for name, value in order.env.items() for word in ("--var", f"{name}={value}")]
        return words + shlex.split(self._options.arguments)

    def status(self, places: Sequence[str]) -> list[Sight]:
        """From the file, from GitHub, or from the process."""
        if self._options.via == "gh":
            return Client.found().status(places)
        if self._options.via == "act":
            return self._here.status(places)
        return [ci.sight_of_file(place, f"once it is pushed: gh workflow run {_file(place)}") for place in places]

    def cancel(self, places: Sequence[str]) -> None:
        """Stop the runs. A workflow that was only written is taken away."""
        if self._options.via == "gh":
            Client.found().cancel(places)
        elif self._options.via == "act":
            self._here.cancel(places)
        else:
            for place in places:
                ci.remove_file(place)

    def logs(self, place: str) -> str:
        """What the run printed; of a workflow that was only written, where its runs are."""
        if self._options.via == "gh":
            return Client.found().logs(place)
        if self._options.via == "act":
            return self._here.logs(place)
        ci.sight_of_file(place)
        name = _file(place)
        return f"{name} is only written here. What its runs print: gh run list --workflow {name}; gh run view ID --log\n"


def _file(place: str) -> str:
    return Path(place.rpartition(" ")[0]).name


def _inputs(job: ci.Job, order: Order) -> dict[str, str]:
    """What a workflow is started with."""
    told = msgspec.structs.replace(order, parameters={**ci.values_of(job, order), **order.parameters})
    return {"submission": order.submission, "handed": Handed.of(told).text()}


def _json(inputs: dict[str, str]) -> str:
    return msgspec.json.encode(inputs).decode()


def _must_fit(orders: Sequence[Order], options: GithubOptions) -> None:
    schedule = orders[0].schedule
    if schedule is None:
        return
    if options.via != "files":
        raise InputError(f"via={options.via} runs a job once, and a schedule stands in the workflow",
                         "--set via=files, then commit it")
    if len(orders) > 1:
        raise InputError(f"a schedule for {len(orders)} orders at once cannot be written", "hand them over one by one")
    if schedule.zone not in {"UTC", "Etc/UTC"} and not options.utc:
        raise InputError(f"GitHub has only UTC, and {schedule.cron!r} is meant in {schedule.zone}: it would run at another time",
                         "give the times in UTC, with --zone UTC; or accept that they are taken as such: --set utc=true")
