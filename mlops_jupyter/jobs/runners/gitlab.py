"""GitLab CI: a file in the repository that the job lies in, to be included in the pipeline, and, if asked for, runs of it.

`via=files` only writes it. `via=glab` also starts pipelines, by GitLab's own client with that client's credentials.
`via=gitlab-ci-local` runs it on this machine, without a container. A `.gitlab-ci.yml` is only written where there is none.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

import msgspec

from mlops_jupyter.config import Settings
from mlops_jupyter.entities import InputError, Sight
from mlops_jupyter.jobs.generated import stamped
from mlops_jupyter.jobs.runners import About, Handed, Order, States, ci
from mlops_jupyter.jobs.runners.gitlab_client import STATES, Client
from mlops_jupyter.jobs.runners.gitlab_pipeline import CHOICE, HANDED, SUBMISSION, Shape, pipeline, title

MAIN = ".gitlab-ci.yml"
_MAIN = "# Written by mlops_jupyter, as there was none. It takes in the jobs of .gitlab; add your own, it is not written again.\n"
_INCLUDE = {"include": [{"local": ".gitlab/mlops-*.yml"}]}
_OWN = ("via", "overwrite", "keep", "ref", "arguments")  # options that change nothing in the file
_LOCAL = "gitlab-ci-local"


class GitlabOptions(msgspec.Struct, frozen=True, rename="kebab"):
    """`environment`: made from the job's lock and cached, or what the machine has. `package`: what pip takes for mlops_jupyter.

    `keep`: a file that was edited is run as it stands. `minutes`: after which GitLab stops the job. `tags`: of the runners that
    may take it, with commas between. `arguments`: more of them for gitlab-ci-local.
    """

    via: Literal["files", "glab", "gitlab-ci-local"] = "files"
    name: str = ""
    environment: ci.Environment = "lock"
    package: str = ""
    image: str = ""
    tags: str = ""
    minutes: int = 360
    overwrite: bool = False
    keep: bool = False
    ref: str = ""
    arguments: str = ""


class GitlabRunner:
    """Writes a file for the pipeline, and starts it there (glab) or here (gitlab-ci-local)."""

    about: ClassVar[About] = About(
        title="GitLab CI", bundle="committed in the repository", environment="made from its lock on the runner, and cached",
        inputs="files of the repository, or addresses", results="an artifact, which glab fetches; reports to MLOPS_STORE",
        schedules="may", ends_last=True)
    states: ClassVar[States] = {**ci.HERE, **ci.WRITTEN, **STATES}
    Options: ClassVar[type[msgspec.Struct]] = GitlabOptions

    def __init__(self, options: GitlabOptions | None = None) -> None:
        self._options = options or GitlabOptions()
        self._here = ci.Here()

    def preview(self, orders: Sequence[Order]) -> str:
        """The file, what is included where nothing is yet, and what starts it."""
        job, path, text, orders = self._made(orders)
        shown = f"# {path.relative_to(job.root).as_posix()}\n{text}"
        if not (job.root / MAIN).exists():
            shown += f"# {MAIN}\n{_MAIN}{ci.as_yaml(_INCLUDE)}"
        if self._options.via == "glab":
            return shown + "".join(f"# glab ci run with {_json(_started(job, each))}\n" for each in orders)
        if self._options.via == _LOCAL:
            return shown + "".join(f"# {ci.spelled_here(each, [_LOCAL, *self._arguments(job, path, each)])}" for each in orders)
        return shown

    def submit(self, orders: Sequence[Order]) -> list[str]:
        """Write the file, and start a pipeline for each order."""
        options, asked = self._options, orders
        local = ci.program(_LOCAL, "npm install -g gitlab-ci-local") if options.via == _LOCAL else ""
        client = Client.found() if options.via == "glab" else None
        job, path, text, orders = self._made(orders)
        ci.write_file(path, text, overwrite=options.overwrite, keep=options.keep, run=options.via != "files")
        if not (job.root / MAIN).exists():
            (job.root / MAIN).write_text(_MAIN + ci.as_yaml(_INCLUDE), encoding="utf-8")
        if client is not None:
            ci.must_be_pushed(job, path)
            wanted = {each.submission: (_started(job, each), given.deliver) for each, given in zip(orders, asked, strict=True)}
            return client.start(job.root, options.ref or ci.branch(job), wanted)
        if options.via == _LOCAL:
            return [self._here.submit(each, [local, *self._arguments(job, path, each)]) for each in orders]
        return [ci.place_of_file(path, text) for _ in orders]

    def _made(self, orders: Sequence[Order]) -> tuple[ci.Job, Path, str, Sequence[Order]]:
        """The job, its file, what is to stand there, and the orders as they are where they run."""
        options = self._options
        job = ci.job_of(orders[0], options.name)
        _must_fit(orders, options)
        if options.via != _LOCAL:
            orders = [ci.elsewhere(job, each) for each in orders]
        plain = [Order(submission="", bundle=orders[0].bundle)] if options.via != "files" else orders
        tags = tuple(tag.strip() for tag in options.tags.split(",") if tag.strip())
        body = pipeline(job, plain, Shape(options.environment, options.package, options.image, tags, options.minutes))
        given = {field.encode_name: getattr(options, field.name) for field in msgspec.structs.fields(GitlabOptions)
                 if field.name not in _OWN and getattr(options, field.name) != field.default}
        again = ci.made_again(job, "gitlab", given, plain[0] if len(plain) == 1 else None)
        kind = "-sweep" if len(plain) > 1 else ""
        return job, job.root / ".gitlab" / f"mlops-{job.name}{kind}.yml", stamped(body, job.manifest, again), orders

    def _arguments(self, job: ci.Job, path: Path, order: Order) -> list[str]:
        """The words after `gitlab-ci-local`. It wants paths relative to where we are, and a folder of its own for each run."""
        state = Settings.current().submissions_folder() / order.submission / "gitlab"
        words = ["--cwd", os.path.relpath(job.root), "--file", path.relative_to(job.root).as_posix(),
                 "--state-dir", os.path.relpath(state, job.root), "--force-shell-executor", "--shell-isolation", "--no-color"]
        words += [word for name, value in _started(job, order).items() for word in ("--variable", f"{name}={value}")]
        return [*words, *shlex.split(self._options.arguments), title(job)]

    def status(self, places: Sequence[str]) -> list[Sight]:
        """From the file, from GitLab, or from the process."""
        if self._options.via == "glab":
            return Client.found().status(places)
        if self._options.via == _LOCAL:
            return self._here.status(places)
        start = f"once it is pushed: glab ci run --variables {CHOICE}:"
        return [ci.sight_of_file(place, start + _name(place)) for place in places]

    def cancel(self, places: Sequence[str]) -> None:
        """Stop the pipelines. A file that was only written is taken away."""
        if self._options.via == "glab":
            Client.found().cancel(places)
        elif self._options.via == _LOCAL:
            self._here.cancel(places)
        else:
            for place in places:
                ci.remove_file(place)

    def logs(self, place: str) -> str:
        """What the job printed; of a file that was only written, where its runs are."""
        if self._options.via == "glab":
            return Client.found().logs(place)
        if self._options.via == _LOCAL:
            return self._here.logs(place)
        ci.sight_of_file(place)
        return f"mlops-{_name(place)}.yml is only written here. What its jobs print: glab ci list; glab ci trace ID\n"


def _name(place: str) -> str:
    return Path(place.rpartition(" ")[0]).stem.removeprefix("mlops-")


def _started(job: ci.Job, order: Order) -> dict[str, str]:
    """The variables of a pipeline that is started for an order."""
    told = msgspec.structs.replace(order, parameters={**ci.values_of(job, order), **order.parameters})
    return {CHOICE: job.name, SUBMISSION: order.submission, HANDED: Handed.of(told).text()}


def _json(variables: dict[str, str]) -> str:
    return msgspec.json.encode(variables).decode()


def _must_fit(orders: Sequence[Order], options: GitlabOptions) -> None:
    if orders[0].schedule is not None and (options.via != "files" or len(orders) > 1):
        raise InputError("GitLab keeps a schedule outside of files, for one order at a time",
                         "--set via=files: the file that it writes says the command that makes the schedule")
