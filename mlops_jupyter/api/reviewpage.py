"""A review as one page of Markdown, for a pull request: the answer first, then what changed, the code folded.

Every text that is not ours goes through `markdown`. Pictures are files beside the page, since GitHub shows neither inline SVG nor
`data:` addresses; all that they show stands in the tables too. Long code is cut: both platforms refuse pages that are too long.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mlops_jupyter.api import reviewpicture
from mlops_jupyter.api.markdown import block, folded, inline, picture, table, tagged
from mlops_jupyter.api.reviews import Review, goal_in_words
from mlops_jupyter.api.words import number, plural
from mlops_jupyter.entities import ConflictError, InputError, Scalar, new_id
from mlops_jupyter.jobs.review import CodeDiff, Difference, MetricDiff

_MOST_CODE, _MOST_DIFF = 30_000, 8_000  # characters: of all diffs, of one; a comment on GitHub holds 65,536
_MOST_COURSES, _MOST_ROWS, _MOST_VALUES = 6, 100, 60
_MARKS = {"better": "▲ better", "worse": "▼ worse", "within tolerance": "≈ within tolerance"}


def page(found: Review, pictures: str = "") -> str:
    """The review as Markdown. `pictures`: the folder with those of `drawn`, as the page links it; "" for a page without."""
    parts = [f"## Review of {inline(found.notebook)}", *_answer(found), _overview(found) if found.compared else "",
             *_failures(found), *_metrics(found, pictures), *_differences("Parameters", found.changes.parameters),
             *_inputs(found), *_packages(found), *_code(found.changes.code), *_notes(found)]
    return "\n\n".join(part for part in parts if part) + "\n"


def drawn(found: Review) -> dict[str, str]:
    """File name → SVG of each picture."""
    made = reviewpicture.bars(_shown(found), found.objective)
    files = {"metrics.svg": made} if made is not None else {}
    for place, (_, text) in enumerate(reviewpicture.courses(_shown(found))[:_MOST_COURSES], 1):
        files[f"course-{place}.svg"] = text
    return files


def write(found: Review, target: Path) -> None:
    """The page at `target`, its pictures in `<target>.files` beside it. The page is replaced last, and whole."""
    folder, files = _folder(target), drawn(found)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if files:
            folder.mkdir(exist_ok=True)
        for name, text in files.items():
            _replace(folder / name, text)
        _replace(target, page(found, folder.name if files else ""))
        for file in folder.iterdir() if folder.is_dir() else ():
            if file.name not in files:
                file.unlink()
        if folder.is_dir() and not files:
            folder.rmdir()
    except OSError as error:
        raise InputError(f"{target} cannot be written: {error.strerror}", "choose a file in a folder of yours with -o") from None


def check_target(target: Path) -> None:
    """Raise InputError, before anything runs, if the page could not be written there, or its folder holds anything else."""
    if target.is_dir():
        raise InputError(f"{target} is a folder", f"give a file: -o {target / 'summary.md'}")
    folder = _folder(target)
    strangers = [file.name for file in folder.iterdir() if not _is_ours(file)] if folder.is_dir() else []
    if strangers:
        raise ConflictError(f"{folder} holds {strangers[0]!r}, which is no picture of a review", "give another name with -o")
    place = next(one for one in target.absolute().parents if one.exists())
    probe = place / f".{target.name}.{new_id()}"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(f"{target} cannot be written: {error.strerror}", "choose a file in a folder of yours with -o") from None


def _folder(target: Path) -> Path:
    return target.with_name(f"{target.name}.files")


def _is_ours(file: Path) -> bool:
    return file.name == "metrics.svg" or (file.name.startswith("course-") and file.suffix == ".svg")


def _replace(target: Path, text: str) -> None:
    temporary = target.with_name(f".{target.name}.{new_id()}")
    try:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _answer(found: Review) -> list[str]:
    """What somebody wants to know first: did it run, is the objective met, is it the same."""
    lines = []
    if found.failures:
        lines.append("**✗ Failed:** " + " and ".join(
            "the notebook did not run" if one.side == "now" else "the base did not run" for one in found.failures) + ".")
    if found.objective is not None and found.objective.state != "not judged":
        lines.append(_objective(found))
    if found.compared and not found.failures and found.changes.same:
        lines.append("**Nothing changed:** code, parameters, inputs, environment and metrics are equal.")
    elif found.moved:
        lines.append(f"The notebook moved on from the job {inline(found.base)}.")
    return [*lines, _context(found)]


def _objective(found: Review) -> str:
    goal = found.objective
    assert goal is not None
    mark, word = ("✓", "met") if goal.state == "met" else ("✗", goal.state)
    values = [f"{inline(name)} is {_value(value)}" for name, value in goal.values.items()]
    words = ", ".join(values) or "the job gave no such metric"
    return f"**{mark} Objective {word}:** {inline(goal_in_words(goal))}; {words} ({inline(goal.text)})."


def _context(found: Review) -> str:
    kind = "the notebook as it was" if found.base_kind == "notebook" else "the job as it was made"
    words = [f"Base: {inline(found.base)}, {kind}."]
    given = [f"{inline(f'{name}={value}')}" for name, value in (*found.parameters.items(), *found.inputs.items())]
    if found.compared and given:
        words.append(f"Both ran with {', '.join(given)}." if found.base_ran else
                     f"The notebook's job ran with {', '.join(given)}, which the base does not take.")
    elif found.compared:
        words.append("Both ran on their own inputs." if found.base_ran else
                     "The notebook's job ran on its own inputs; for the base stands what was recorded when it was made.")
    if found.cells:
        words.append(f"Its results need {found.cells} of the notebook's {plural(found.cells_total, 'cell')}.")
    return " ".join(words)


def _overview(found: Review) -> str:
    made = found.changes
    rows = [["code", _counted(made.code)], ["parameters", _counted(made.parameters)], ["inputs", _counted(made.inputs)],
            ["environment", plural(len(made.packages), "version") if made.packages else "–"]]
    if made.metrics:
        counts = Counter(one.word for one in made.metrics)
        told = [f"{count} {'differ' if word == 'differs' and count > 1 else word}" for word, count in counts.items()]
        rows.append(["metrics", ", ".join(told)])
    return table(["", "changed"], rows)


def _counted(items: Sequence[CodeDiff] | Sequence[Difference]) -> str:
    kinds = [one.kind for one in items]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)) or "–"


def _failures(found: Review) -> list[str]:
    parts = []
    for one in found.failures:
        head, _, source = one.what.partition("\n")
        parts.append(f"### What failed{' in the base' if one.side == 'base' else ''}\n\n{block(head)}")
        if source:
            parts.append(block("\n".join(line.removeprefix("    ") for line in source.splitlines()), "python"))
    return parts


def _metrics(found: Review, pictures: str) -> list[str]:
    shown = _shown(found)
    if not shown:
        return []
    rows = [[inline(one.name), _value(one.base), _value(one.now), _difference(one), _MARKS.get(one.word, one.word)]
            for one in shown]
    parts = ["### Metrics", table(["metric", ">base", ">now", ">difference", ""], rows)]
    parts += _cut_note(len(found.changes.metrics) - len(shown), "metric")
    courses = [one for one, _ in reviewpicture.courses(shown)[:_MOST_COURSES]]
    if pictures:
        alt = "; ".join(f"{one.name}: {_plain(one.base)} → {_plain(one.now)}" for one in shown[:_MOST_COURSES])
        parts += [picture(f"{pictures}/metrics.svg", alt)] if "metrics.svg" in drawn(found) else []
        parts += [picture(f"{pictures}/course-{place}.svg", f"all values of {one.name}") for place, one in enumerate(courses, 1)]
    return parts + [folded(f"all values of {tagged(one.name)}", block(
        f"base: {_listed(one.base_series)}\nnow:  {_listed(one.now_series)}")) for one in courses]


def _shown(found: Review) -> list[MetricDiff]:
    """The metrics that there is room for: of too many, those that are not equal first."""
    metrics = found.changes.metrics
    return metrics if len(metrics) <= _MOST_ROWS else sorted(metrics, key=lambda one: one.word == "equal")[:_MOST_ROWS]


def _listed(values: Sequence[float]) -> str:
    """Values with commas between; of very many the first and the last."""
    words = [number(value) for value in values]
    half = _MOST_VALUES // 2
    if len(words) > _MOST_VALUES:
        words = [*words[:half], f"… {len(words) - 2 * half} more …", *words[-half:]]
    return ", ".join(words) or "–"


def _value(value: Scalar) -> str:
    return inline(value) if isinstance(value, str) else _plain(value)


def _plain(value: Scalar) -> str:
    return "–" if value is None else number(value)


def _difference(one: MetricDiff) -> str:
    if one.difference is None or math.isnan(one.difference):
        return ""
    return f"{one.difference:+.4g}" if one.difference else "0"


def _differences(title: str, items: Sequence[Difference]) -> list[str]:
    if not items:
        return []
    rows = [[inline(one.name), one.kind, "; ".join(map(inline, one.details))] for one in items[:_MOST_ROWS]]
    return [f"### {title}", table(["name", "", "what"], rows), *_cut_note(len(items) - _MOST_ROWS, "more")]


def _inputs(found: Review) -> list[str]:
    """What the jobs take, and what was given against what they were made with."""
    parts = _differences("Inputs", found.changes.inputs)
    odd = [one for one in found.checks if one.check.state not in {"same", "new rows"}]
    if odd:
        rows = [[inline(one.check.name), "base" if one.side == "base" else "now", one.check.state, inline(one.check.detail)]
                for one in odd]
        parts += ["### Given inputs that are not what the job was made with", table(["name", "of", "", "what"], rows)]
    return parts


def _packages(found: Review) -> list[str]:
    made = found.changes.packages
    if not made:
        return []
    rows = [[inline(one.name), _or_dash(one.a), _or_dash(one.b)] for one in made[:_MOST_ROWS]]
    body = "\n\n".join([table(["package", ">base", ">now"], rows), *_cut_note(len(made) - _MOST_ROWS, "package")])
    return ["### Environment", folded(f"{plural(len(made), 'version')} changed in the lock", body)]


def _or_dash(text: str) -> str:
    return inline(text) or "–"


def _code(diffs: Sequence[CodeDiff]) -> list[str]:
    """Each cell or module that differs, folded; what is too long is cut, and says so."""
    if not diffs:
        return []
    parts, room = ["### Code"], _MOST_CODE
    for place, one in enumerate(diffs):
        text = one.text[:min(_MOST_DIFF, room)]
        room -= len(text)
        if not text and one.text:
            parts.append(f"{len(diffs) - place} more not shown: mlops review --json has all.")
            break
        cut = "\n\nCut here: mlops review --json has all of it." if len(text) < len(one.text) else ""
        what = "module" if one.module else "cell"
        parts.append(folded(f"{what} {tagged(one.name)} {one.kind}", block(text, "diff") + cut))
    return parts


def _notes(found: Review) -> list[str]:
    if not found.changes.notes:
        return []
    return ["### Notes", "\n".join(f"- {inline(note)}" for note in found.changes.notes)]


def _cut_note(more: int, noun: str) -> list[str]:
    return [f"{more} more {noun}s not shown: mlops review --json has all."] if more > 0 else []
