"""`mlops sweep`: one job many times, with a grid, random draws or the rows of a file; again for those that failed."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from mlops_jupyter.api import sweeps as verbs
from mlops_jupyter.api.handing import preview, runner_of
from mlops_jupyter.api.options import pairs
from mlops_jupyter.api.options import seconds as seconds_of
from mlops_jupyter.api.sweeping import handing, run_elsewhere, stop
from mlops_jupyter.api.sweepsheets import sweep_sheet
from mlops_jupyter.api.words import plural
from mlops_jupyter.cli.printing import answer, json_option, say, told
from mlops_jupyter.cli.sweep_progress import watching
from mlops_jupyter.entities import InputError
from mlops_jupyter.jobs.fleet import FleetOptions
from mlops_jupyter.jobs.sweep import Axes, Elsewhere
from mlops_jupyter.jobs.sweep_folder import SweepFolder


@click.command()
@click.argument("bundle", required=False, type=click.Path(path_type=Path))
@click.option("--grid", multiple=True, metavar="K=A,B,C", help="Each of these values; with more grids, each combination.")
@click.option("--foreach", "rows", type=click.Path(path_type=Path), metavar="CSV",
              help="A child for each row; the header names parameters.")
@click.option("--random", "draws", type=click.IntRange(1), metavar="N", help="N random draws, for each row and combination.")
@click.option("--random-range", "ranges", multiple=True, metavar="K=RANGE",
              help="What to draw from: 0.01..10, log:0.001..10, or A,B,C; else the range that the parameter has.")
@click.option("--seed", type=click.IntRange(0), help="Of the draws; else a new one, which is told.")
@click.option("-p", "--parameter", "parameters", multiple=True, metavar="K=V", help="The same for every child; may be repeated.")
@click.option("-i", "--input", "inputs", multiple=True, metavar="NAME=URI", help="Another file for an input; may be repeated.")
@click.option("-j", "--jobs", "at_once", type=click.IntRange(1), metavar="N", help="Children at once; else one for each core.")
@click.option("--warm", is_flag=True, help="Fork kernels from a parent that has done the job's imports, where that is safe.")
@click.option("--budget", metavar="TIME", help="Stop after 90s, 10m, 1.5h: children that still run are cancelled.")
@click.option("--max-failures", type=click.IntRange(1), metavar="K", help="Begin no other child once K have failed.")
@click.option("--metric", default="", help="The metric that says which child is best; else the job's first.")
@click.option("--minimize", is_flag=True, help="The least value is the best.")
@click.option("--to", "runner", default="", metavar="RUNNER", help="Hand the children to a runner, and watch.")
@click.option("--set", "options", multiple=True, metavar="K=V", help="An option of the runner; may be repeated.")
@click.option("--deliver", default="", metavar="PLACE", help="Where its attempts leave what they make: a folder, or s3://BUCKET/…")
@click.option("--timeout", metavar="TIME", help="The runner stops an attempt after 90s, 10m, 1.5h.")
@click.option("--retries", type=click.IntRange(min=0), default=0, metavar="N", help="The runner tries a child again so often.")
@click.option("--unverified", is_flag=True, help="Hand over a job that was never verified.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FOLDER", help="Where the sweep is kept; must be new.")
@click.option("--resume", type=click.Path(path_type=Path), metavar="FOLDER", help="Go on with the children that did not succeed.")
@click.option("--stop", "stopped", type=click.Path(path_type=Path), metavar="FOLDER",
              help="Cancel the children that a runner still has.")
@json_option
def sweep(*, bundle: Path | None, grid: tuple[str, ...], rows: Path | None, draws: int | None,  # noqa: PLR0913 (options)
          ranges: tuple[str, ...], seed: int | None, parameters: tuple[str, ...], inputs: tuple[str, ...], at_once: int | None,
          warm: bool, budget: str | None, max_failures: int | None, metric: str, minimize: bool, runner: str,
          options: tuple[str, ...], deliver: str, timeout: str | None, retries: int, unverified: bool, output: Path | None,
          resume: Path | None, stopped: Path | None, as_json_: bool) -> None:
    """Run the job in BUNDLE many times, each time with other parameters, several at once, here or (--to) on a runner.

    All parameters are checked before the first child starts. Each child is a run like those of `mlops run`, in its own folder.
    Ctrl-C cancels children that run here; those that a runner has go on.
    """
    if stopped is not None:
        _stop(stopped, as_json_)
        return
    axes = Axes(fixed=pairs(parameters, "-p"), grid=pairs(grid, "--grid"), rows=rows, random=draws or 0,
                ranges=pairs(ranges, "--random-range"), seed=seed)
    limits = FleetOptions(at_once=at_once or 0, warm=warm, budget=seconds_of(budget, "--budget") if budget else None,
                          max_failures=max_failures or 0, say=say)
    asked = Elsewhere(runner=runner, options=pairs(options, "--set"), deliver=deliver, unverified=unverified, retries=retries,
                      timeout=seconds_of(timeout, "--timeout") if timeout else None)
    if bundle is not None:
        verbs.check_metric(bundle, metric)
    _check_where(asked, limits, resume)
    if runner and bundle is not None:
        preview(bundle, runner, [{}], pairs(inputs, "-i"), handing(asked))  # says what is wrong before anything is written
    place = _place(bundle, axes, pairs(inputs, "-i"), output, resume)
    order = verbs.Order(verbs.check_metric(place.sweep.bundle, metric), minimize)
    _run(place, asked if runner else place.sweep.elsewhere, limits, quiet=as_json_)
    done = verbs.answer(place, order)
    answer(done, lambda: sweep_sheet(done), json=as_json_)
    verbs.must_all_succeed(done)


def _check_where(asked: Elsewhere, limits: FleetOptions, resume: Path | None) -> None:
    """What is of one place only is not given for the other. InputError."""
    if asked.runner:
        runner_of(asked.runner, asked.options)  # before anything is written
        if limits.at_once or limits.warm:
            raise InputError("-j and --warm are of sweeps that run here, not on a runner",
                             f"leave them out; the options of {asked.runner}: mlops runners list")
    elif asked != Elsewhere(runner=""):
        raise InputError("--set, --deliver, --timeout, --retries and --unverified are of sweeps on a runner",
                         "say which: --to RUNNER" + (f" --resume {resume}" if resume else ""))


def _run(place: SweepFolder, elsewhere: Elsewhere | None, limits: FleetOptions, *, quiet: bool) -> None:
    """Here, or elsewhere, until all have ended or the user stops it."""
    begin = shlex.join(["mlops", "sweep", "--resume", str(place.folder)])
    try:
        with watching(place.sweep, quiet=quiet) as report:
            limits.report = report
            if elsewhere is None:
                verbs.run(place, limits)
            else:
                run_elsewhere(place, elsewhere, limits)
    except KeyboardInterrupt:
        if elsewhere is None:
            say(f"Stopped. Go on with: {begin}")
        else:
            say(f"The children go on. Watch them: {begin}; cancel them: {begin.replace('--resume', '--stop')}")
        raise


def _stop(folder: Path, as_json_: bool) -> None:
    found = stop(verbs.reopen(folder))
    told([one.id for one in found], f"Asked for the end of {plural(len(found), 'submission')}. mlops submissions list",
         json=as_json_)


def _place(bundle: Path | None, axes: Axes, inputs: dict[str, str], output: Path | None, resume: Path | None) -> SweepFolder:
    if resume is not None:
        if bundle is not None or output is not None or inputs or axes != Axes():
            raise InputError("--resume goes on with the sweep as it was planned", f"mlops sweep --resume {resume}")
        return verbs.reopen(resume)
    if bundle is None:
        raise InputError("say which job: BUNDLE, or --resume FOLDER", "mlops sweep BUNDLE --grid NAME=1,2,4")
    if axes.rows is None and not axes.grid and not axes.random:
        raise InputError("a sweep needs --grid, --foreach or --random", f"mlops sweep {bundle} --grid NAME=1,2,4; "
                         f"mlops inspect {bundle} lists the parameters")
    return verbs.plan(bundle, axes, inputs, output)
