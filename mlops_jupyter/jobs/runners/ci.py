"""What the runners of CI systems share: a job that lies in a repository, a file written for the system, and a run of it here.

Such a system takes a job from git, so that the bundle has to be committed; what is written for it says how to run the job, and
nothing of one submission, so that the same job gives the same file. What one submission is about is handed over when the file is
run. A program that runs such files on this machine is a process like any other: it runs under the waiting shell of LocalRunner.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec
import psutil
import yaml

from mlops_jupyter.entities import ConflictError, InputError, JobManifest, NotFoundError, Sight, new_id
from mlops_jupyter.entities.jobs import OutcomeState
from mlops_jupyter.entities.submissions import NO_END
from mlops_jupyter.jobs.bundle import MANIFEST, load
from mlops_jupyter.jobs.generated import is_as_written, stamp_of, write_generated
from mlops_jupyter.jobs.locked import REQUIREMENTS
from mlops_jupyter.jobs.parameters import as_text, limits
from mlops_jupyter.jobs.runners import Order, spelled
from mlops_jupyter.jobs.runners.local import ASKED, PROCESS, LocalRunner
from mlops_jupyter.version import __version__

Environment = Literal["lock", "machine"]
DELIVERED = "mlops-delivered"
"""Where an attempt leaves what it made, if it is not told of another place: the system keeps that folder as an artifact."""
HOME = ".mlops/env"
"""The virtual environment of a job, in the checkout, kept by the system from run to run."""
WRITTEN: Mapping[str, OutcomeState] = {"written": "scheduled", "removed": "cancelled", "replaced": "cancelled"}
"""The words for a file that is only written. Whoever runs it there makes runs of submissions of their own."""
HERE: Mapping[str, OutcomeState] = LocalRunner.states
"""The words for a run on this machine."""
_DIFFER = frozenset({"-p", "-i", "--schedule", "--deliver", "--retries", "--timeout"})
_FROM = re.compile(r"^# Made by mlops_jupyter from the job .*, (\S+)\.$", re.MULTILINE)
_AGAIN = re.compile(r"^# Made again by: (.*)$", re.MULTILINE)


class Job(msgspec.Struct, frozen=True):
    """A job in a git repository: its root, the folder of the bundle in it, and a name that a file and a variable can have."""

    root: Path
    folder: str
    manifest: JobManifest
    name: str

    @property
    def python(self) -> str:
        """The version to set up: `3.11`. What differs after that is said when the job runs."""
        return ".".join((self.manifest.python or sys.version.split()[0]).split(".")[:2])

    @property
    def lock(self) -> str:
        """What decides what is in its environment, as a few letters; "" if it has no lock."""
        return self.manifest.files.get(REQUIREMENTS, "").removeprefix("sha256:")[:16]


def job_of(order: Order, name: str) -> Job:
    """The job of an order, as it lies in its repository. InputError unless all of it is committed there."""
    root = Path(_git(order.bundle, f"the job {order.bundle} lies in no git repository",
                     f"git init && git add {shlex.quote(str(order.bundle))} && git commit", "rev-parse", "--show-toplevel"))
    manifest = load(order.bundle).manifest
    folder = order.bundle.resolve().relative_to(root.resolve()).as_posix()
    if re.search(r"[^\x20-\x7e]|\$\{\{", folder):
        raise InputError(f"the job lies in {folder!r}, which cannot stand in a command for CI",
                         f"git mv it to a plainer name in {root}")
    _must_be_committed(order.bundle, {MANIFEST, *manifest.files})
    plain = slug(name or manifest.name)[:60]
    if name and plain != name:
        raise InputError(f"name={name} cannot be the name of a file and a job of CI",
                         f"letters, digits, - and _: --set name={plain}")
    return Job(root, folder, manifest, plain or manifest.digest.removeprefix("sha256:")[:10])


def slug(text: str) -> str:
    """What of a text can stand in the name of a file."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-")


def _must_be_committed(folder: Path, names: set[str]) -> None:
    add = f"git add {shlex.quote(str(folder))} && git commit -m 'The job {folder.name}'"
    asked = f"the job {folder} cannot be looked up in git"
    tracked = set(_git(folder, asked, "git status", "ls-files", "-z", "--", ".").split("\0"))
    if not names <= tracked:
        raise InputError(f"the job {folder} is not committed, and CI sees only what is: not {min(names - tracked)}",
                         add)
    changed = _git(folder, asked, "git status", "status", "--porcelain", "-z", "--untracked-files=no", "--", ".")
    if changed:
        raise InputError(f"the job {folder} was changed since it was committed, and CI sees only what is: "
                         f"{changed.split(chr(0))[0][3:]}", add)


def elsewhere(job: Job, order: Order) -> Order:
    """The order as it is on another machine: inputs from the repository, and no folder of this machine to deliver to."""
    inputs = {name: _committed(job, where, name) for name, where in order.inputs.items()}
    return msgspec.structs.replace(order, inputs=inputs, deliver=order.deliver if "://" in order.deliver else "")


def _committed(job: Job, where: str, name: str) -> str:
    """A file for an input as CI finds it: an address, or its place in the repository. InputError for one that is not there."""
    if "://" in where:
        return where
    file = Path(where).resolve()
    inside = file.is_relative_to(job.root.resolve())
    if not inside or not _git(file.parent, f"{file} cannot be looked up in git", "git status", "ls-files", "--", file.name):
        raise InputError(f"the input {name} is {file}, which CI does not have: it is not committed in {job.root}",
                         f"commit it there, or give an address: -i {name}=s3://BUCKET/{file.name}")
    return file.relative_to(job.root.resolve()).as_posix()


def must_be_pushed(job: Job, file: Path) -> None:
    """InputError unless the other side has the job and the file, as far as git here knows."""
    paths = [job.folder, file.relative_to(job.root).as_posix()]
    there = ["--", *paths]
    words = shlex.join(paths)
    asked = "it cannot be looked up in git what was pushed"
    if _git(job.root, asked, "git status", "status", "--porcelain", *there):
        raise InputError(f"{file} is written, and not committed yet",
                         f"git add {words} && git commit && git push, then submit again")
    _git(job.root, "this branch was never pushed", "git push --set-upstream origin HEAD", "rev-parse", "--verify", "@{upstream}")
    if _git(job.root, asked, "git status", "diff", "--name-only", "@{upstream}", *there):
        raise InputError(f"the job, or {file}, is not pushed as it is here", "git push, then submit again")


def branch(job: Job) -> str:
    """The branch that is checked out."""
    return _git(job.root, "no branch is checked out", "git switch BRANCH, or: --set ref=BRANCH",
                "symbolic-ref", "--short", "HEAD")


def _git(folder: Path, what: str, otherwise: str, *words: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise InputError("git is not installed, and a job for CI lies in a git repository", "install git") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise InputError(f"{what} ({said[0] if said else f'git exits with {done.returncode}'})", otherwise)
    return done.stdout.decode("utf-8", "replace").strip("\n")


class _Dumper(yaml.SafeDumper):
    """Text of several lines as a block, as people write it; no anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    block = "\n" in text and not re.search(r"[^\S\n]$|[^\x20-\x7e\n]", text, re.MULTILINE)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if block else None)


_Dumper.add_representer(str, _text)


def as_yaml(document: Mapping[str, object]) -> str:
    """The document as a file of YAML: in its own order, never with a tag, an anchor or a broken line."""
    return str(yaml.dump(dict(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=4096))


def made_again(job: Job, runner: str, options: Mapping[str, object], order: Order | None) -> str:
    """The command that writes the file again, on one line whatever stands in it."""
    words = ["mlops", "submit", job.folder, "--to", runner]
    for name, value in options.items():
        words += ["--set", f"{name}={as_text(value) if isinstance(value, bool) else value}"]
    return " ".join(map(_on_one_line, words + (_said_of(order) if order is not None else [])))


def _said_of(order: Order) -> list[str]:
    """The options of a command that differ from one submission to the next."""
    words = [word for name, given in order.parameters.items() for word in ("-p", f"{name}={as_text(given)}")]
    words += [word for name, where in order.inputs.items() for word in ("-i", f"{name}={where}")]
    if order.schedule is not None:
        words += ["--schedule", order.schedule.cron, "--zone", order.schedule.zone]
    words += ["--deliver", order.deliver] if order.deliver else []
    words += ["--retries", str(order.retries)] if order.retries else []
    return words if order.timeout is None else [*words, "--timeout", f"{order.timeout:g}s"]


def _on_one_line(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    inside = "".join(c if c.isprintable() and c not in "\\'" else f"\\U{ord(c):08x}" for c in word)
    return f"$'{inside}'"


def install(job: Job, package: str) -> str:
    """The lines of a shell that make the environment of the job, unless it came from the cache.

    A cache may come back to another folder, where the scripts of an environment do not find their Python.
    """
    lock = f"-r {shlex.quote(f'{job.folder}/{REQUIREMENTS}')} " if job.lock else ""
    return (f"{HOME}/bin/mlops --version || {{\n"
            f"  rm -rf {HOME}\n"
            f"  python -m venv {HOME}\n"
            f"  {HOME}/bin/python -m pip install --disable-pip-version-check {lock}{shlex.quote(wanted(package))}\n"
            "}\n")


def wanted(package: str) -> str:
    """What pip is to install as mlops_jupyter."""
    return package or f"mlops_jupyter=={__version__}"


def in_lines(words: Sequence[tuple[str, ...]]) -> str:
    """A command with its options below each other. Each word is one of ours, or was quoted."""
    return " \\\n  ".join(" ".join(pair) for pair in words) + "\n"


def described(job: Job, name: str) -> str:
    """A parameter in one line: what it means, its type and its range."""
    one = next(each for each in job.manifest.parameters if each.name == name)
    facts = [one.description, one.type, limits(one)]
    return " ".join("; ".join(fact for fact in facts if fact).split())


def values_of(job: Job, order: Order) -> dict[str, object]:
    """Each parameter that is no secret, as the order has it, else as the job has it."""
    return {one.name: order.parameters.get(one.name, one.default) for one in job.manifest.parameters if one.type != "secret"}


def write_file(path: Path, text: str, *, overwrite: bool, keep: bool, run: bool) -> None:
    """Write what was made for CI. ConflictError over an edit (unless told), or over the file of a job in another place.

    `run`: it is about to be run with values of its own: one that was made from the same job with the same options will do.
    """
    there = path.read_text("utf-8", "replace") if path.exists() else ""
    if there and stamp_of(there):
        if keep and not is_as_written(there):
            return
        if _made_from(there)[1][:3] != _made_from(text)[1][:3] and not overwrite:
            raise ConflictError(f"{path} is of the job in {' '.join(_made_from(there)[1][2:3])}",
                                "give this one another name: --set name=NAME, or: --set overwrite=true")
        if run and is_as_written(there) and _without_values(there) == _without_values(text):
            return
    write_generated(path, text, overwrite=overwrite)


def _made_from(text: str) -> tuple[str, list[str]]:
    """(digest of the job, words of the command) from the lines at the top of a file."""
    job, again = _FROM.search(text), _AGAIN.search(text)
    return job[1] if job else "", shlex.split(again[1]) if again else []


def _without_values(text: str) -> tuple[str, list[str]]:
    digest, words = _made_from(text)
    end = next((at for at, word in enumerate(words) if word in _DIFFER), len(words))
    return digest, words[:end]


def place_of_file(path: Path, text: str) -> str:
    """The place of a submission that is a file."""
    return f"{path} {stamp_of(text)}"


def sight_of_file(place: str, then: str = "") -> Sight:
    """How a file stands that was written for CI; `then`: what can be done with it once it is pushed."""
    path, _, stamp = place.rpartition(" ")
    if not path or not re.fullmatch(r"\w{16}", stamp):
        raise NotFoundError(f"there is no submission at {place!r}", "mlops submissions list")
    file = Path(path)
    if not file.is_file():
        return Sight("removed", detail=f"{path} is not there any more")
    if stamp_of(file.read_text("utf-8", "replace")) != stamp:
        return Sight("replaced", detail=f"{path} was written again since")
    with suppress(InputError):  # where it is no longer in a repository, nothing can be said of that
        if _git(file.parent, "git", "git status", "status", "--porcelain", "--", file.name):
            then = f"not committed yet: git add {shlex.quote(path)} && git commit && git push"
    return Sight("written", detail=then)


def remove_file(place: str) -> None:
    """Take the file away, unless it was edited: then it is somebody's."""
    path = Path(place.rpartition(" ")[0])
    if sight_of_file(place).word != "written":
        return
    if not is_as_written(path.read_text("utf-8")):
        raise ConflictError(f"{path} was edited since it was written", f"git rm {shlex.quote(str(path))}")
    path.unlink()


class Here:
    """A program that runs a CI file on this machine: each run is a process that outlives us, in a place of LocalRunner's."""

    def submit(self, order: Order, words: Sequence[str]) -> str:
        """Start it; its place. It finds what is installed for us, and not the store of this machine."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        env = {"MLOPS_STORE": "", **order.env, "PATH": path}
        return LocalRunner(program=words).submit([msgspec.structs.replace(order, env=env)])[0]

    def status(self, places: Sequence[str]) -> list[Sight]:
        """How each stands.

        One that was told to stop was stopped, though it says that it is done: act does where the interrupt comes before its
        first step. Where the job itself was done before that, what it has delivered says so, and counts.
        """
        sights = LocalRunner().status(places)
        over = {"exited", "gone", "done"}
        asked = [sight.word in over and (Path(place) / ASKED).exists() for place, sight in zip(places, sights, strict=True)]
        return [msgspec.structs.replace(sight, word="stopped") if stopped else sight
                for sight, stopped in zip(sights, asked, strict=True)]

    def logs(self, place: str) -> str:
        """What it printed."""
        return LocalRunner().logs(place)

    def cancel(self, places: Sequence[str]) -> None:
        """Interrupt the job itself, so that it can say so; where none runs yet, the program with all that it has started."""
        for place, sight in zip(places, self.status(places), strict=True):
            if HERE[sight.word] in NO_END:
                (Path(place) / ASKED).touch()
                _interrupt(Path(place))


def _interrupt(folder: Path) -> None:
    with suppress(psutil.NoSuchProcess):
        started = psutil.Process(int((folder / PROCESS).read_text().split()[0])).children(recursive=True)
        for process in [one for one in started if _is_job(one, folder.name)] or started:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGINT)


def _is_job(process: psutil.Process, submission: str) -> bool:
    """Whether it is `mlops run` for this submission, and not the program that was told of it."""
    try:
        words = process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
    return {"run", "--deliver", submission} <= set(words)


def program(name: str, otherwise: str) -> str:
    """Where a program is: on the path, or beside our own Python. InputError if it is not installed."""
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        raise InputError(f"{name} is not installed", otherwise)
    return found


def spelled_here(order: Order, words: Sequence[str]) -> str:
    """The command of a run on this machine, as a preview shows it."""
    return f"{spelled(words, order.env)}\n"


def move_attempts(source: Path, deliver: str, submission: str) -> None:
    """Put what a system kept of a submission, wherever in `source` it lies, into its place, each attempt once and whole."""
    for result in sorted(source.rglob(f"{submission}/*/result.json")):
        target = Path(deliver) / submission / result.parent.name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_name(f".{target.name}.{new_id()}")
            shutil.copytree(result.parent, partial)
            partial.rename(target)
