"""Verbs on runners: which there are, what their options are, and whether one keeps what every runner promises."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from mlops_jupyter import plugins
from mlops_jupyter.api.conformance import Kit, checks_of, title
from mlops_jupyter.api.display import Block, Sheet
from mlops_jupyter.api.handing import kind_of
from mlops_jupyter.api.words import plural
from mlops_jupyter.entities import InputError, MlopsError

__all__ = ["Checked", "Kit", "Known", "check", "checks_sheet", "runners", "runners_sheet"]


class Known(msgspec.Struct, omit_defaults=True):
    """A runner. `options` with their defaults as text; `missing` says what it needs that is not installed."""

    name: str
    title: str = ""
    bundle: str = ""
    environment: str = ""
    inputs: str = ""
    results: str = ""
    options: dict[str, str] = {}
    schedules: str = ""
    """Whether what it is given may, or must, have a schedule."""
    missing: str = ""
    remedy: str = ""
    """The command that brings what is missing."""


class Checked(msgspec.Struct, omit_defaults=True):
    """One promise of runners; `seen` says what was found instead."""

    promise: str
    met: bool
    seen: str = ""


def runners() -> list[Known]:
    """All that are installed, by name."""
    return [_known(name) for name in sorted(plugins.available(plugins.RUNNER))]


def _known(name: str) -> Known:
    try:
        kind = kind_of(name)
    except InputError as error:
        return Known(name, missing=error.what, remedy=error.remedy)
    fields = msgspec.structs.fields(kind.Options)
    options = {field.encode_name: "needed" if field.required else str(field.default) for field in fields}
    about = kind.about
    return Known(name, about.title, about.bundle, about.environment, about.inputs, about.results, options,
                 "" if about.schedules == "no" else about.schedules)


def check(kit: Kit, report: Callable[[Checked], None] | None = None) -> list[Checked]:
    """Try each promise on the real place. What a check raises is what was seen."""
    found = []
    for one in checks_of(kit):
        try:
            one(kit)
            done = Checked(title(one), met=True)
        except MlopsError as error:
            done = Checked(title(one), met=False, seen=error.what)
        found.append(done)
        if report is not None:
            report(done)
    return found


def runners_sheet(found: list[Known]) -> Sheet:
    """A block for each."""
    blocks = []
    for one in found:
        options = ", ".join(f"{name}={value}" if value else name for name, value in one.options.items())
        facts = [("what", one.title), ("bundle", one.bundle), ("environment", one.environment), ("inputs", one.inputs),
                 ("results", one.results), ("--schedule", {"may": "taken", "must": "needed"}.get(one.schedules, "")),
                 ("--set", options), ("missing", one.missing), ("install", one.remedy)]
        blocks.append(Block(one.name, columns=["", ""], rows=[[name, text] for name, text in facts if text]))
    return Sheet(plural(len(found), "runner"), blocks, ["mlops runners check NAME tries one"])


def checks_sheet(runner: str, found: list[Checked]) -> Sheet:
    """What was not kept."""
    unmet = [one for one in found if not one.met]
    words = f"{runner} keeps {len(found) - len(unmet)} of {plural(len(found), 'promise')}"
    return Sheet(words, [Block(columns=["promise", "seen"], rows=[[one.promise, one.seen] for one in unmet])] if unmet else [])
