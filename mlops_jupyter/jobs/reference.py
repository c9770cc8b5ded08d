"""What a job must bring back: its results as the recorded run had them, kept in the bundle and compared after a run.

A metric is compared by name, group and position among its repeats; anything else by fingerprint: of the variable that
holds it, or of the file.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from mlops_jupyter.entities import CellExecution, Fingerprint, JobResult, Observation, ResultVerdict, Scalar
from mlops_jupyter.entities.runs import VerdictWord
from mlops_jupyter.lineage.slice import Result

WORST_LAST: tuple[VerdictWord, ...] = ("identical", "within tolerance", "different", "input gone", "failed")


class ExpectedMetric(msgspec.Struct, omit_defaults=True):
    """All values of one metric in one group, in order."""

    name: str
    key: str = ""
    values: list[Scalar] = []


class Reference(msgspec.Struct):
    """`reference/results.json`: the recorded metrics and the digests of the other results."""

    metrics: list[ExpectedMetric]
    contents: dict[str, str] = {}
    """Variable or file → digest."""
    version: int = 1


def metrics_of(observations: Sequence[Observation], cells: Sequence[int] | None = None, *,
               logged: bool = False) -> dict[tuple[str, str], list[Scalar]]:
    """(name, key) → values in order, of the metrics observed in `cells` (None: everywhere).

    `logged`: with those that `log_metric` was told; a job has none, since it holds nothing of ours.
    """
    found: dict[tuple[str, str], list[Scalar]] = defaultdict(list)
    chosen = None if cells is None else set(cells)
    for each in sorted(observations, key=lambda each: (each.n, each.seq)):
        if each.kind == "metric" and (chosen is None or each.n in chosen) and (logged or not each.logged):
            found[each.name, each.key].append(each.value)
    return dict(found)


def metric_label(name: str, key: str) -> str:
    """`auc`, or `auc[UA]` for one of a group."""
    return f"{name}[{key}]" if key else name


def recorded_fingerprint(name: str, n: int, executions: Sequence[CellExecution]) -> Fingerprint | None:
    """The content that `name` had after execution `n`; None if it was never seen."""
    found = None
    for execution in executions:
        if execution.n <= n:
            found = next((write.fingerprint for write in execution.writes if write.name == name), found)
    return found


def recorded_file(path: str, n: int, executions: Sequence[CellExecution]) -> Fingerprint | None:
    """The content that the file `path` was last given up to execution `n`; None if nothing wrote it."""
    found = None
    for execution in executions:
        if execution.n <= n:
            wrote = [access.fingerprint for access in execution.files
                     if access.mode == "write" and path in {access.path, access.relative}]
            found = wrote[-1] if wrote else found
    return found


def job_results(main: Result, others: Sequence[Result], cells: Sequence[CellExecution],
                observations: Sequence[Observation], executions: Sequence[CellExecution]) -> list[JobResult]:
    """The results of a job: every metric seen in its cells, then what was asked for and is no metric.

    What `log_metric` told is the variable that held it, since the call itself is cut from the job.
    """
    chosen = {cell.n for cell in cells}
    results: dict[tuple[str, str], JobResult] = {}
    wanted: list[tuple[str, Literal["model", "variable", "file"], int]] = []
    told: dict[str, tuple[str, str]] = {}
    for each in observations:
        if each.kind == "metric" and each.n in chosen and not each.logged:
            results[each.name, each.key] = JobResult(each.name, "metric", each.value, "", each.variable, each.key)
        elif each.kind == "metric" and each.n in chosen and each.variable:
            wanted.append((each.variable, "variable", each.n))
            told[each.variable] = (each.name, each.key)
    for asked in [main, *others]:
        wanted += [(name, "model" if asked.kind == "model" else "variable", asked.n) for name in asked.variables]
        wanted += [(asked.name, "file", asked.n)] if asked.kind == "file" else []
    covered = {result.variable for result in results.values()} | {result.name for result in results.values()}
    for name, kind, n in wanted:
        if name not in covered:
            covered.add(name)
            mark = recorded_file(name, n, executions) if kind == "file" else recorded_fingerprint(name, n, executions)
            digest = mark.digest if mark is not None and mark.digest and mark.coverage == 1.0 else ""
            metric, key = told.get(name, ("", "")) if kind == "variable" else ("", "")
            results[name, ""] = JobResult(name, kind, None, digest, "" if kind == "file" else name, key, metric)
    return list(results.values())


def untold(cells: Sequence[CellExecution], observations: Sequence[Observation]) -> list[str]:
    """Names of metrics that `log_metric` told of an expression: no variable holds them, so the job does not make them."""
    chosen = {cell.n for cell in cells}
    told = [each for each in observations if each.kind == "metric" and each.logged and each.n in chosen]
    held = {each.name for each in told if each.variable}
    return list(dict.fromkeys(each.name for each in told if each.name not in held))


def _last(values: Sequence[Scalar]) -> Scalar:
    return values[-1] if values else None


def expected_values(results: Sequence[JobResult], cells: Sequence[CellExecution], observations: Sequence[Observation]) -> bytes:
    """The bytes of `reference/results.json`."""
    metrics = metrics_of(observations, [cell.n for cell in cells])
    expected = [ExpectedMetric(name, key, values) for (name, key), values in metrics.items()]
    contents = {result.name: result.digest for result in results if result.digest}
    return encode_reference(Reference(expected, contents))


def encode_reference(reference: Reference) -> bytes:
    """The reference as it stands in the bundle."""
    return msgspec.json.format(msgspec.json.encode(reference)) + b"\n"


def compare_metrics(expected: dict[tuple[str, str], list[Scalar]], found: dict[tuple[str, str], list[Scalar]],
                    tolerance: float, own: Mapping[str, float] = {}) -> list[ResultVerdict]:
    """One verdict for each expected metric, the worst of its repeats. `own`: metric → its tolerance, where it has one."""
    verdicts = []
    for (name, key), values in expected.items():
        label = metric_label(name, key)
        now = found.get((name, key), [])
        if len(now) != len(values):
            detail = f"seen {len(now)} times, recorded {len(values)} times"
            verdicts.append(ResultVerdict(label, "different", _last(values), _last(now), detail))
            continue
        allowed = own.get(label, tolerance)
        words = [compare_numbers(before, after, allowed) for before, after in zip(values, now, strict=True)]
        place = max(range(len(words)), key=lambda at: WORST_LAST.index(words[at])) if words else 0
        verdicts.append(ResultVerdict(label, words[place], values[place], now[place]))
    return verdicts


def compare_numbers(expected: Scalar, found: Scalar, tolerance: float) -> VerdictWord:
    """The verdict on one value. Two NaN are the same; the tolerance is relative."""
    if isinstance(expected, int | float) and isinstance(found, int | float):
        if expected == found or (math.isnan(expected) and math.isnan(found)):
            return "identical"
        return "within tolerance" if math.isclose(expected, found, rel_tol=tolerance) else "different"
    return "identical" if expected == found else "different"


def compare_content(name: str, expected: Fingerprint | str | None, found: Fingerprint | None) -> ResultVerdict:
    """The verdict on a variable, by fingerprint. Content that cannot be known is never called equal."""
    digest = expected.digest if isinstance(expected, Fingerprint) and expected.coverage == 1.0 else expected
    if not isinstance(digest, str) or not digest:
        return ResultVerdict(name, "failed", detail="its recorded content is not known in full, so nothing can be compared")
    if found is None:
        return ResultVerdict(name, "different", digest, detail="the clean run did not make it")
    if found.digest is None or found.coverage < 1.0:
        return ResultVerdict(name, "failed", digest, detail="its content in the clean run is not known in full")
    if found.digest != digest and isinstance(expected, Fingerprint) and expected.same_content(found):
        return ResultVerdict(name, "identical", digest, found.digest, "the same content, held in another way")
    return ResultVerdict(name, "identical" if found.digest == digest else "different", digest, found.digest)


def worst(verdicts: Sequence[ResultVerdict]) -> VerdictWord:
    """The verdict of all: that of the worst; `failed` if there is none, since nothing was compared."""
    return max((each.verdict for each in verdicts), key=WORST_LAST.index, default="failed")
