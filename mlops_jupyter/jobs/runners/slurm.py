"""Slurm: a job for `sbatch`, in a folder that the nodes share with the machine that submits. Many orders are one job array.

The folder has all that the nodes need: the script, the bundle as one file, the orders, and `slurm_task.py`, which runs one of
them. What is secret stands in files that only their owner can read. Slurm starts an attempt again if its node is lost; it forgets
jobs that have ended, so each attempt leaves its exit code beside its log.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

import msgspec

from mlops_jupyter.config import Settings
from mlops_jupyter.entities import InputError, NotFoundError, Sight
from mlops_jupyter.jobs.bundle import load
from mlops_jupyter.jobs.generated import stamped, write_generated
from mlops_jupyter.jobs.packing import pack
from mlops_jupyter.jobs.runners import About, Order, States, command, spelled
from mlops_jupyter.jobs.runners.slurm_words import FORGOTTEN, STATES, accounts, queue, spoken

log = logging.getLogger(__name__)

SCRIPT, TASK, ORDERS, JOB = "job.sh", "task.py", "orders.json", "job"
_PLACE = re.compile(r"(\d+)(?:_(\d+))?:(/.*)", re.DOTALL)
_NAME = 200  # characters of a job's name that Slurm gets; it refuses a thousand
_LAST_LINES = 400  # characters of the log that go into what is said of a failure
_STEERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_OWN = {"array", "chdir", "error", "job-name", "open-mode", "output", "parsable", "test-only", "wait", "wrap"}


class SlurmOptions(msgspec.Struct, frozen=True, rename="kebab"):
    """`workdir`: a folder that the nodes share. `after`: job numbers or submissions that must succeed before.

    `at_once`: so many of a sweep at the same time (0: all). `setup`: lines of shell before the job, as `module load python`.
    `sbatch`: further directives, as `--constraint=a100 --exclusive`.
    """

    partition: str = ""
    account: str = ""
    qos: str = ""
    time: str = ""
    memory: str = ""
    cpus: str = ""
    gpus: str = ""
    after: str = ""
    at_once: int = 0
    requeue: bool = True
    workdir: str = ""
    python: str = ""
    program: str = ""
    setup: str = ""
    sbatch: str = ""
    stage: Literal["auto", "never"] = "auto"


class SlurmRunner:
    """Runs jobs on a cluster whose jobs Slurm starts."""

    about: ClassVar[About] = About(
        title="a cluster with Slurm", bundle="packed into workdir, a folder that the nodes share",
        environment="`python` or `program` on the nodes, else this interpreter's path there; `setup` before it",
        inputs="where they are, if on the file system of workdir, else copied into it; addresses as they are",
        results="archives in a shared folder, and reports to the store where it can be reached")
    states: ClassVar[States] = STATES
    Options: ClassVar[type[msgspec.Struct]] = SlurmOptions

    def __init__(self, options: SlurmOptions | None = None) -> None:
        """InputError for what no directive of Slurm can hold."""
        self._options = options or SlurmOptions()
        for name, value in msgspec.structs.asdict(self._options).items():
            if isinstance(value, str) and _STEERS.search(value if name != "setup" else value.replace("\n", "")):
                raise InputError(f"{name}={value!r} has characters that Slurm cannot hold", f"in one line: --set {name}=…")
        given = self._options.workdir
        self._base = Path(given).expanduser().absolute() if given else Settings.current().submissions_folder()
        if re.search(r"[%\\]", str(self._base)) or _STEERS.search(str(self._base)):
            raise InputError(f"Slurm cannot hold a folder with % or \\ in its name: {self._base}", "--set workdir=FOLDER")

    def preview(self, orders: Sequence[Order]) -> str:
        """The script and the commands of the orders."""
        folder = self._base / orders[0].submission
        lines = [f"# {folder / SCRIPT}, given to: sbatch --parsable", self._script(orders, folder)]
        for number, order in enumerate(orders):
            secret = ", ".join(f"{name}=…" for name in sorted(order.secrets))
            hidden = f"; in {folder}/secrets-{number}.json: {secret}" if secret else ""
            lines += [f"# order {number} of {folder / ORDERS}{hidden}", spelled(self._words(order, folder, orders), order.env)]
        return "\n".join(lines) + "\n"

    def submit(self, orders: Sequence[Order]) -> list[str]:
        """Write what the nodes need and hand the script to `sbatch`, all orders in one."""
        for order in orders:
            self._check(order)
        folder = self._base / orders[0].submission
        try:
            self._write(orders, folder)
            answer = spoken(["sbatch", "--parsable", str(folder / SCRIPT)], self._directives(orders, folder))
            job = answer.strip().partition(";")[0]
            if not job.isdigit():
                raise InputError(f"sbatch answered {answer!r}, which is no job number", "squeue --me")
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise InputError(f"{folder} cannot be written: {error.strerror}", "another folder: --set workdir=FOLDER") from None
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        names = [job if len(orders) == 1 else f"{job}_{number}" for number in range(len(orders))]
        with suppress(OSError):  # it runs; only `after=SUBMISSION` looks there
            for order, name in zip(orders, names, strict=True):
                (self._base / order.submission).mkdir(mode=0o700, exist_ok=True)
                (self._base / order.submission / JOB).write_text(name)
        return [f"{name}:{folder}" for name in names]

    def status(self, places: Sequence[str]) -> list[Sight]:
        """From the controller, asked once; of what it has forgotten, from accounting, else from what the attempts left."""
        asked = [_read(place) for place in places]
        seen = queue(sorted({job for job, _, _ in asked})) if asked else {}
        lost = sorted({job for job, task, _ in asked if (job, task) not in seen})
        booked = accounts(lost) if lost else {}
        sights = []
        for job, task, folder in asked:
            sight = seen.get((job, task)) or booked.get((job, task)) or _left(job, task, folder)
            if sight.word == "FAILED" and not sight.detail:
                sight = msgspec.structs.replace(sight, detail=_last_lines(_log(folder, task)))
            sights.append(sight)
        return sights

    def cancel(self, places: Sequence[str]) -> None:
        """`scancel`: Slurm sends SIGTERM to all of the job, and kills it after KillWait seconds."""
        asked = [_read(place) for place in places]
        for _, task, folder in asked:
            if folder.exists():
                (folder / f"cancelled-{task}").touch()
        spoken(["scancel", *(place.partition(":")[0] for place in places)])

    def logs(self, place: str) -> str:
        """The output file, with that of all its attempts."""
        job, task, folder = _read(place)
        if not (folder / ORDERS).exists():
            raise _unknown(f"{job}:{folder}")
        return _log(folder, task)

    def _check(self, order: Order) -> None:
        if order.schedule is not None:
            raise InputError("the runner slurm starts a job once, not again and again", "submit from cron, or with scrontab")
        usual = Settings.current().submissions_folder()
        if order.deliver == str(usual / "delivered") and _device(self._base) != _device(usual):
            raise InputError(f"attempts would leave what they make in {order.deliver}, which is not where workdir is",
                             f"if the nodes share it, or another: --deliver {self._base / 'delivered'}")

    def _write(self, orders: Sequence[Order], folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True)
        for number, bundle in enumerate(_bundles(orders)):
            (folder / f"bundle-{number}.zip").write_bytes(pack(load(bundle)))
        for source, target in self._staged(orders, folder).items():
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(source, target)
        told = [{"submission": order.submission, "command": self._words(order, folder, orders), "env": order.env}
                for order in orders]
        _private(folder / ORDERS, json.dumps(told, indent=1, ensure_ascii=False))
        for number, order in enumerate(orders):
            if order.secrets:
                _private(folder / f"secrets-{number}.json", json.dumps(order.secrets))
        shutil.copyfile(Path(__file__).with_name("slurm_task.py"), folder / TASK)
        write_generated(folder / SCRIPT, self._script(orders, folder))
        name = _name(orders[0].name)
        if name != orders[0].name:
            log.warning("Slurm cannot hold the name %r: there it is %r", orders[0].name, name)

    def _python(self) -> str:
        return self._options.python or sys.executable

    def _words(self, order: Order, folder: Path, orders: Sequence[Order]) -> list[str]:
        program = shlex.split(self._options.program) or [self._python(), "-m", "mlops_jupyter.cli"]
        staged = self._staged(orders, folder)
        inputs = {name: str(staged.get(where, where)) for name, where in order.inputs.items()}
        deliver = order.deliver if "://" in order.deliver else str(Path(order.deliver).absolute())
        there = msgspec.structs.replace(order, inputs=inputs, deliver=deliver if order.deliver else "")
        return command(there, program, folder / f"bundle-{_bundles(orders).index(order.bundle)}.zip")

    def _staged(self, orders: Sequence[Order], folder: Path) -> dict[str, Path]:
        """Files that are on another file system than the shared folder → where they are copied to."""
        if self._options.stage == "never":
            return {}
        files = {where: None for order in orders for where in order.inputs.values() if "://" not in where}
        here = _device(folder)
        return {where: folder / "inputs" / f"{number}-{Path(where).name}" for number, where in enumerate(files)
                if _device(Path(where)) != here}

    def _script(self, orders: Sequence[Order], folder: Path) -> str:
        directives = "".join(f"#SBATCH {_quoted(line)}\n" for line in self._directives(orders, folder))
        number = '"$SLURM_ARRAY_TASK_ID"' if len(orders) > 1 else "0"
        setup = f"set -e\n{self._options.setup}\n" if self._options.setup else ""
        task = shlex.join([self._python(), str(folder / TASK)])
        first, name = orders[0], _name(orders[0].name)
        renamed = f"# Slurm cannot hold its name {first.name!r}.\n" if name != first.name else ""
        given = [word for key, value in sorted(msgspec.structs.asdict(self._options).items())
                 if value != getattr(SlurmOptions(), key) for word in ("--set", f"{key.replace('_', '-')}={_text(value)}")]
        again = shlex.join(["mlops", "submit", str(first.bundle), "--to", "slurm", *given])
        body = f"{renamed}{directives}\n{setup}exec {task} {number}\n"
        return "#!/bin/bash\n" + stamped(body, load(first.bundle).manifest, again)

    def _directives(self, orders: Sequence[Order], folder: Path) -> list[str]:
        """In the order of a reader's interest."""
        options = self._options
        many = len(orders) > 1
        limit = f"%{options.at_once}" if options.at_once else ""
        lines = [f"--job-name={_name(orders[0].name)}", *([f"--array=0-{len(orders) - 1}{limit}"] if many else [])]
        wanted = [("partition", options.partition), ("account", options.account), ("qos", options.qos), ("time", options.time),
                  ("mem", options.memory), ("cpus-per-task", options.cpus), ("gpus", options.gpus)]
        lines += [f"--{name}={value}" for name, value in wanted if value]
        lines += self._after
        lines += ["--requeue" if options.requeue else "--no-requeue", "--open-mode=append",
                  f"--output={folder}/log-{'%a' if many else '0'}.txt"]
        return lines + _further(options.sbatch)

    @cached_property
    def _after(self) -> list[str]:
        jobs = [job for word in self._options.after.split(",") if word.strip() and (job := self._before(word.strip()))]
        return [f"--dependency=afterok:{':'.join(jobs)}", "--kill-on-invalid-dep=yes"] if jobs else []

    def _before(self, word: str) -> str:
        """The job that must succeed before; "" if it has. Slurm itself would take one that it does not know for one that has."""
        found = sorted(self._base.glob(f"{word}*/{JOB}")) if word.isalnum() else []
        if len(found) == 1:
            job = found[0].read_text().strip()
        elif not found and re.fullmatch(r"\d+(_\d+)?", word):
            job = word
        else:
            raise InputError(f"after={word}: {len(found)} submissions in {self._base} begin so", "mlops submissions list")
        number, _, task = job.partition("_")
        known = queue([number])
        if (number, task or "0") in known or (not task and any(each == number for each, _ in known)):
            return job
        seen = accounts([number]).get((number, task or "0"))
        if seen is None and found:
            folder = found[0].parent
            seen = _left(number, task or "0", folder if (folder / ORDERS).exists() else _array(self._base, job))
        if seen is not None and seen.word == "COMPLETED":
            return ""
        raise InputError(f"after={word}: Slurm does not know job {job} any more, and nothing says that it succeeded",
                         "mlops submissions list")


def _array(base: Path, job: str) -> Path:
    """The folder of the array that `job`, as 12_3, is of."""
    first = f"{job.partition('_')[0]}_0"
    return next((file.parent for file in base.glob(f"*/{JOB}") if file.read_text().strip() == first), base)


def _read(place: str) -> tuple[str, str, Path]:
    """Its job, its task in that, and the folder."""
    found = _PLACE.fullmatch(place)
    if found is None:
        raise _unknown(place)
    return found[1], found[2] or "0", Path(found[3])


def _unknown(place: str) -> NotFoundError:
    return NotFoundError(f"Slurm has no submission {place!r}", "mlops submissions list")


def _left(job: str, task: str, folder: Path) -> Sight:
    """How a job that Slurm has forgotten ended, from its folder. NotFoundError if that is not there."""
    if not (folder / ORDERS).exists():
        raise _unknown(f"{job}:{folder}")
    try:
        told = json.loads((folder / f"exit-{task}.json").read_text(encoding="utf-8"))
        code, attempt, began, ended = int(told["code"]), int(told["attempt"]), float(told["began"]), float(told["ended"])
    except (OSError, ValueError, KeyError, TypeError):  # no attempt has ended, or the file is cut short
        if (folder / f"cancelled-{task}").exists():
            return Sight("CANCELLED")
        return Sight(FORGOTTEN, None, f"Slurm has forgotten job {job}, and no attempt of it left an exit code")
    late = code and "DUE TO TIME LIMIT ***" in _log(folder, task)  # slurmstepd writes it there
    word = "TIMEOUT" if late else "FAILED" if code else "COMPLETED"
    return Sight(word, code, "", attempt, None, began, ended)


def _log(folder: Path, task: str) -> str:
    file = folder / f"log-{task}.txt"
    return file.read_text("utf-8", "replace") if file.exists() else ""


def _last_lines(text: str) -> str:
    """Whole lines, as many as fit."""
    end = text.rstrip()[-_LAST_LINES:]
    return (end.partition("\n")[2] or end if len(text.rstrip()) > _LAST_LINES else end).strip()


def _bundles(orders: Sequence[Order]) -> list[Path]:
    return list(dict.fromkeys(order.bundle for order in orders))


def _private(file: Path, text: str) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
        opened.write(text)


def _name(text: str) -> str:
    return _STEERS.sub("_", text)[:_NAME] or "job"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _quoted(directive: str) -> str:
    """As sbatch reads a directive: in quotes, a backslash before a quote or another."""
    name, equals, value = directive.partition("=")
    if re.fullmatch(r"[\w./:,%@+=-]*", value):
        return directive
    return f'{name}{equals}"' + re.sub(r'([\\"])', r"\\\1", value) + '"'


def _further(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise InputError(f"sbatch={text!r} cannot be read: {error}", "--set sbatch='--constraint=a100 --exclusive'") from None
    for word in words:
        if not word.startswith("--") or word.removeprefix("--").partition("=")[0] in _OWN:
            raise InputError(f"sbatch={text!r}: {word} cannot be given here", "--set sbatch='--constraint=a100 --exclusive'")
    return words


def _device(path: Path) -> int:
    """Of the file system that it is on, or will be."""
    there = next(each for each in (path, *path.absolute().parents) if each.exists())
    return there.stat().st_dev
