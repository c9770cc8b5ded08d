"""What a magic's command knows of its surroundings: the shell, the body of a cell magic, how to run cells."""

from __future__ import annotations

import ast
import random
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

import click

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from mlops_jupyter.jobs.progress import Progress

_State = tuple[int, tuple[int, ...], float | None]


class Here:
    """One use of the magic.

    What we do in the user's kernel draws nothing from the user's generator: some libraries draw when they are imported (rich
    does). `random_state` is put back when a command is done, unless the command handed over to the user's own cells.
    """

    def __init__(self, shell: InteractiveShell, body: str | None) -> None:
        self.shell = shell
        self.body = body
        self.run_body = False
        self.random_state: _State | None = random.getstate()

    def restore_random(self) -> None:
        """Put the user's generator back to where it was, once."""
        if self.random_state is not None:
            random.setstate(self.random_state)
            self.random_state = None

    def execute_body(self) -> None:
        """Run the body as the cell it is; what it raises is the user's and goes through."""
        source = self.shell.transform_cell(self.body or "")
        name = self.shell.compile.cache(source)
        tree = self.shell.compile.ast_parse(source, filename=name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec"), self.shell.user_ns)  # noqa: S102 (the user's own cell)
        if last is not None and not source.rstrip().endswith(";"):
            exec(compile(ast.Interactive([last]), name, "single"), self.shell.user_ns)  # noqa: S102 (shows its value)
        elif last is not None:
            exec(compile(ast.Module([last], []), name, "exec"), self.shell.user_ns)  # noqa: S102 (as above)

    def run(self, cell: str, source: str) -> bool:
        """Run a cell as one of its own, under its id; True if it did not fail."""
        click.echo(f"▸ {cell}", err=True)
        return bool(self.shell.run_cell(source, store_history=True, cell_id=cell).success)

    def forget(self, names: Sequence[str]) -> None:
        """Delete names from the user's namespace, by a cell of its own, so that the ledger knows."""
        known = [name for name in names if name in self.shell.user_ns]
        if known:
            self.shell.run_cell(f"del {', '.join(known)}", store_history=False)


def here() -> Here:
    """The use of the magic that is being served."""
    return cast("Here", click.get_current_context().find_root().obj)


def ticker(title: str) -> Callable[[Progress], None]:
    """Shows each step: one line on the error stream that is written over."""

    def show(step: Progress) -> None:
        text = f"{title} [{step.cell or step.total}/{step.total}] {step.source[:60]}"
        sys.stderr.write(f"\r{text:<90}" if step.cell else f"\r{'':<90}\r")
        sys.stderr.flush()

    return show
