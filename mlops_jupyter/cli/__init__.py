"""The `mlops` command, also `jupyter mlops`: parse, call one verb of `api/`, print.

Commands are imported when they are named, so that `mlops --version` and `mlops --help` cost next to nothing. One place,
`execute`, turns what a command raised into an exit code: 0 done, 1 failed, 2 bad input, 3 store or server unreachable.
"""

from __future__ import annotations

import gc
import keyword
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from importlib import import_module

import click

from mlops_jupyter.jobs.later import IRIS, put_off
from mlops_jupyter.jobs.stopping import note_signals
from mlops_jupyter.version import __version__

TESTING = "MLOPS_TESTING"
USAGE = 2
INTERRUPTED = 130
BROKEN_PIPE = 141

COMMANDS = {
    "demo": ("demo", "The main job on the example notebook, start to end."),
    "track": ("notebooks", "Execute a notebook headless, under tracking."),
    "sessions": ("sessions", "List, show and export sessions."),
    "runs": ("runs", "List, show, compare, delete and restore runs."),
    "why": ("notebooks", "The cells that made a result."),
    "stale": ("notebooks", "The cells of a notebook whose results no longer hold."),
    "verify": ("notebooks", "Re-run what made a run in a clean kernel and compare."),
    "forget": ("notebooks", "Purge a run, a dataset or a session for good."),
    "convert": ("jobs", "Make a job from a notebook."),
    "inspect": ("jobs", "What a job is, takes and gives."),
    "run": ("jobs", "Run a job."),
    "submit": ("jobs", "Hand a job to a runner."),
    "sweep": ("sweeps", "Run a job many times, with a grid, random draws or the rows of a file."),
    "review": ("reviews", "What a changed notebook does, as a page for a pull request."),
    "submissions": ("submissions", "List, show and cancel submissions, and read their logs."),
    "runners": ("runners", "List the places for jobs, and try whether one does what every runner must."),
    "export": ("archives", "Carry runs into one file."),
    "import": ("archives", "Add what such a file carries."),
    "report": ("reports", "Write one HTML page of a run."),
    "server": ("mlops_jupyter.server.command", "Serve the store to a team and to remote jobs."),
    "token": ("tokens", "Make, list and revoke the tokens of a server."),
    "fsck": ("upkeep", "Look at every row, blob and reference of the store."),
    "gc": ("upkeep", "Remove stored bytes that nothing names any more."),
    "backup": ("upkeep", "Copy the store, restore the copy, and compare."),
    "restore": ("upkeep", "Copy a backup into an empty store."),
    "doctor": ("doctor", "Is everything in place?"),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used; help needs only the table above."""

    alone = False
    """Whether nobody else's objects are in this process: it is the command's, and not a kernel with a magic."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = COMMANDS[cmd_name][0]
        with _set_apart() if self.alone else nullcontext():
            home = import_module(module if "." in module else f"mlops_jupyter.cli.{module}")
        command = getattr(home, f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in COMMANDS.items()])


@click.group("mlops", cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mlops", message="%(prog)s %(version)s")
@click.option("--store", metavar="URL", help="Folder, SQL URL or https URL of the store; else $MLOPS_STORE.")
def app(store: str | None) -> None:
    """A ledger for notebooks, the cells that made a result, and the job that ships them.

    Exit codes: 0 done, 1 the job, check or verification failed, 2 bad input, 3 store or server unreachable.
    """
    if store:
        os.environ["MLOPS_STORE"] = store  # inherited by the kernels that a command starts


def main() -> None:
    """The entry point of both scripts."""
    if "--deliver" in sys.argv:  # an attempt: told to stop before it has begun, it still has something to say
        note_signals()
    put_off(*IRIS)
    app.alone = True
    sys.exit(execute(sys.argv[1:]))


@contextmanager
def _set_apart() -> Iterator[None]:
    """What is imported in here stays to the end: nobody looks for garbage in it, neither now nor when the process ends."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def execute(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code: the only place that decides it."""
    try:
        _must_be_text(arguments)
        result = app.main(list(arguments), prog_name="mlops", standalone_mode=False)
        return result if isinstance(result, int) and not isinstance(result, bool) else 0
    except click.ClickException as error:
        return _usage(error)
    except (KeyboardInterrupt, click.Abort):
        click.echo("mlops: interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 (the fence: nobody should see a traceback they did not ask for)
        return _failed(error)


def _must_be_text(arguments: Sequence[str]) -> None:
    if not all(word.isascii() and "\0" not in word for word in arguments):  # the house is loaded only to look closer
        from mlops_jupyter.entities.errors import must_be_text

        must_be_text(arguments)


def _usage(error: click.ClickException) -> int:
    from mlops_jupyter.entities.errors import shortened

    path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx is not None else "mlops"
    click.echo(f"mlops: {shortened(error.format_message())}\n  → {path} --help", err=True)
    return USAGE


def _failed(error: Exception) -> int:
    from mlops_jupyter.entities.errors import MlopsError, as_ours, shortened

    error = as_ours(error)
    if os.environ.get(TESTING) and not isinstance(error, MlopsError):
        raise error
    if isinstance(error, MlopsError):
        click.echo(f"mlops: {error}", err=True)
        return error.exit_code
    click.echo(f"mlops: unexpected {type(error).__name__}: {shortened(str(error))}\n  → {TESTING}=1 mlops … shows where; "
               "please report it with that output", err=True)
    return 1
