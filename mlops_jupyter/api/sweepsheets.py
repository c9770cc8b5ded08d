"""Sweeps as sheets: what varied, what came out, how each child ended, best first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from mlops_jupyter.api.display import Block, Sheet
from mlops_jupyter.api.sweeps import Swept
from mlops_jupyter.api.words import duration, first_line, number, plural
from mlops_jupyter.jobs.parameters import as_text
from mlops_jupyter.jobs.sweep import Child

MOST_ROWS, MOST_METRICS = 30, 4


def label(child: Child, varied: Sequence[str]) -> str:
    """`strength=0.1 rounds=200`: what tells this child from the others; its number where nothing does."""
    return " ".join(f"{name}={as_text(child.parameters[name])}" for name in varied) or f"child {child.number}"


def sweep_sheet(done: Swept) -> Sheet:
    """One row a child."""
    metrics = _metrics(done)
    shown = done.children[:MOST_ROWS]
    columns = [">child", *(f">{name}" for name in done.varied), *(f">{name}" for name in metrics), "state", ">took", "~"]
    rows = [[str(child.number), *(as_text(child.parameters[name]) for name in done.varied),
             *(number(child.metrics[name]) if name in child.metrics else "" for name in metrics), child.state,
             duration(child.seconds) if child.seconds else "", first_line(child.error, 60)] for child in shown]
    if not any(row[-1] for row in rows):
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    states = Counter(child.state for child in done.children)
    headline = f"{plural(len(done.children), 'child').replace('childs', 'children')}: " + \
        ", ".join(f"{count} {state}" for state, count in states.most_common())
    notes = [
        f"{len(done.children) - len(shown)} more in {done.folder / 'sweep.json'}" if len(shown) < len(done.children) else "",
        f"Stopped: {done.stopped}" if done.stopped else "", f"Drawn with --seed {done.seed}" if done.seed is not None else "",
        f"Picture: {done.picture}" if done.picture is not None else "", f"Folder: {done.folder}",
    ]
    return Sheet(headline, [Block(columns=columns, rows=rows)], [note for note in notes if note])


def _metrics(done: Swept) -> list[str]:
    """The metric that decides first."""
    found = dict.fromkeys(name for child in done.children for name in child.metrics)
    return [name for name in [done.metric, *(name for name in found if name != done.metric)] if name in found][:MOST_METRICS]
