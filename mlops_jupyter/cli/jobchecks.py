"""`mlops verify BUNDLE`, and where a job runs: the options for it, and what is said before it starts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from mlops_jupyter.api import jobchecks as verbs
from mlops_jupyter.cli.printing import answer, say
from mlops_jupyter.cli.progress import bar
from mlops_jupyter.entities import InputError
from mlops_jupyter.entities.environments import on_one_line
from mlops_jupyter.jobs.environments import Where


class Check(msgspec.Struct, frozen=True):
    """How to verify a bundle: with which versions, how often, in which environment ("": the kernel's)."""

    replace: tuple[str, ...] = ()
    repeat: int = 1
    env: str = ""
    allow_effects: bool = False
    json: bool = False

    @property
    def given(self) -> bool:
        """True if anything was asked for that only a bundle can be asked."""
        return bool(self.replace or self.env) or self.repeat > 1


def where(env: str | None, *, quiet: bool) -> Where:
    """The place that was asked for; unless `quiet`, what takes long and how it differs is said on the error stream."""
    return Where(fresh=env == "fresh", told=None if quiet else say, warned=None if quiet else _warn)


def _warn(differs: Sequence[str]) -> None:
    say(f"! not the environment of the job's lock: {on_one_line(differs)}")


def verify(folder: Path, check: Check) -> None:
    """Run the bundle clean and compare: with its reference, or with itself under other versions."""
    if check.replace and check.repeat > 1:
        raise InputError("--with compares one run with one run: --repeat does not go with it",
                         f"mlops verify {folder} --repeat {check.repeat}, then with --with")
    place = where("fresh" if check.replace else check.env, quiet=check.json)
    with bar("verify", quiet=check.json) as progress:
        options = verbs.CleanOptions(repeat=check.repeat, where=place, progress=progress)
        if check.replace:
            tried = verbs.try_job(folder, check.replace, options, allow_effects=check.allow_effects)
        else:
            found = verbs.verify_job(folder, options, allow_effects=check.allow_effects)
    if check.replace:
        answer(tried, lambda: verbs.upgrade_sheet(tried, folder), json=check.json)
        verbs.must_be_the_same(tried, folder)
    else:
        answer(found, lambda: verbs.job_verdict_sheet(found, folder), json=check.json)
        verbs.must_reproduce(found, folder)
