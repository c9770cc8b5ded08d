"""Answers as pandas frames, for people who compare runs with the tool they know. pandas comes with the first call."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_jupyter.api.runs import RunFilter, rows
from mlops_jupyter.api.words import metric_label, model_names
from mlops_jupyter.entities import Run, Value

if TYPE_CHECKING:
    import pandas


def runs_frame(*, experiment: str | None = None, session: str | None = None,
               notebook: str | Path | None = None, filter: str = "") -> pandas.DataFrame:
    """One row a run, newest first, of those that meet `filter`.

    Columns: `number`, `name`, `model`, `started` (UTC), and a column for each shown param and each metric.

    Params are prefixed `params.`, metrics `metrics.`; a run that lacks one holds a missing value there.
    """
    import pandas as pd

    which = RunFilter(experiment, session, notebook, limit=2**31 - 1, filter=filter)
    found = [row.run for row in rows(which)]
    frame = pd.DataFrame([_row(run) for run in found])
    if not frame.empty:
        frame["started"] = pd.to_datetime(frame["started"], unit="s", utc=True)
    return frame


def write_table(data: bytes, file: Path) -> None:
    """A table that is kept as Parquet, as the file's ending says: CSV or Feather."""
    import pandas as pd

    frame = pd.read_parquet(io.BytesIO(data))
    if file.suffix == ".csv":
        plain = isinstance(frame.index, pd.RangeIndex)
        frame.to_csv(file, index=not plain)
    else:
        frame.to_feather(file)


def _row(run: Run) -> dict[str, Value]:
    row: dict[str, Value] = {"id": run.id, "experiment": run.experiment, "number": run.number, "name": run.name or run.change,
                              "model": model_names(run), "state": run.state, "started": run.started}
    row |= {f"params.{param.name}": param.value for param in run.params if param.shown}
    return row | {f"metrics.{metric_label(metric)}": metric.value for metric in run.metrics}
