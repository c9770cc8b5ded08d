"""The `%mlops` magic. Loading the extension registers one light function; commands and their parser come with the first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_jupyter.magics.shown import hide_ours, show_ours

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

NAME = "mlops"


def register(shell: InteractiveShell) -> None:
    """Give `shell` the line and cell magic `mlops`."""

    def mlops(line: str, cell: str | None = None) -> None:
        """Track this notebook and ask about it: `%mlops --help`."""
        from mlops_jupyter.magics.dispatch import dispatch

        dispatch(shell, line, cell)

    # IPython would format the line before we see it, and trip over a goal's text or a JSON value with braces in it;
    # dispatch.py expands names itself, after the line is split into options.
    mlops._ipython_magic_no_var_expand = True  # type: ignore[attr-defined]
    shell.register_magic_function(mlops, magic_kind="line_cell", magic_name=NAME)
    show_ours(shell)


def unregister(shell: InteractiveShell) -> None:
    """Stop tracking, if it runs, and take the magic away."""
    import sys

    if "mlops_jupyter.capture.ipython" in sys.modules:
        from mlops_jupyter.capture.ipython import stop

        stop()
    hide_ours(shell)
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop(NAME, None)
