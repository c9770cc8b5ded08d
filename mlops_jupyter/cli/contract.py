"""Options out of a job's contract: `mlops run job --test-month 7`, and `mlops run job --help` says what the job takes.

The parameters of the bundle that the command line names become options of the command, with type, range, default and help text;
each is the same as `-p name=value`, and is checked in the same place.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from mlops_jupyter.api.jobs import inspect
from mlops_jupyter.entities import JobParameter, MlopsError
from mlops_jupyter.jobs.parameters import as_text, limits

_MARK = "parameter__"


class ContractCommand(click.Command):
    """A command whose first argument is a bundle, and which has the option `-p`, called `parameters`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Look for the bundle first; what is wrong with it is said when the command runs."""
        ctx.meta[_MARK] = _parameters(args)
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's own, then one option for each parameter whose name is still free."""
        own = super().get_params(ctx)
        taken = {word for one in own for word in one.opts}
        return own + [click.Option([_flag(one), _MARK + one.name], metavar=one.type.upper(), help=_help(one), expose_value=True)
                      for one in ctx.meta.get(_MARK, ()) if _flag(one) not in taken]

    def invoke(self, ctx: click.Context) -> object:
        """Hand on what was given as `-p` would have."""
        named = {name: ctx.params.pop(name) for name in list(ctx.params) if name.startswith(_MARK)}
        given = tuple(f"{name.removeprefix(_MARK)}={value}" for name, value in named.items() if value is not None)
        ctx.params["parameters"] = (*ctx.params.get("parameters", ()), *given)
        return super().invoke(ctx)


def _parameters(args: Sequence[str]) -> list[JobParameter]:
    for word in args:
        if not word.startswith("-") and (Path(word) / "job.yaml").is_file():
            try:
                return inspect(word).parameters
            except MlopsError:
                return []
    return []


def _flag(parameter: JobParameter) -> str:
    return f"--{parameter.name.replace('_', '-')}"


def _help(parameter: JobParameter) -> str:
    facts = [parameter.description, limits(parameter), f"default {as_text(parameter.default)}"]
    return "; ".join(fact for fact in facts if fact)
