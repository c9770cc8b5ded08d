"""Numbers, times and verdicts in words: the same words in every table, magic and command."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from mlops_jupyter.entities import Metric, Run, Value, Verification

_VERDICT_MARK = {"identical": "✓", "within tolerance": "≈", "different": "✗", "input gone": "?", "failed": "✗"}
MOST_METRICS = 3


def day(at: float | None) -> str:
    """Short, for lists: the time of day for today, else the date."""
    if at is None:
        return "–"
    local, today = datetime.fromtimestamp(at).astimezone(), datetime.now().astimezone().date()
    return local.strftime("%H:%M" if local.date() == today else "%Y-%m-%d")


def when(at: float | None) -> str:
    """A Unix time as local date and minute; `–` if there is none."""
    return "–" if at is None else datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M")


def duration(seconds: float | None) -> str:
    """`3 ms`, `2.4 s`, `5 min 12 s`, `1 h 3 min`."""
    if seconds is None:
        return "–"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def size(count: float) -> str:
    """Bytes as `512 B`, `1.5 kB`, `3.2 MB`: decimal units."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return ""


def number(value: Value) -> str:
    """A recorded value as short text."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def plural(count: int, noun: str) -> str:
    """`1 cell`, `2 cells`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def first_line(source: str, width: int = 72) -> str:
    """The first line of code that says something, cut at `width`."""
    lines = [line.rstrip() for line in source.splitlines() if line.strip()]
    line = lines[0] if lines else ""
    return line if len(line) <= width else line[: width - 1] + "…"


def run_label(run: Run) -> str:
    """`#3 max_iter 200→400`."""
    words = run.name or run.change
    return f"#{run.number} {words}".rstrip()


def model_names(run: Run) -> str:
    """The classes of the run's models, each once."""
    return ", ".join(dict.fromkeys(model.class_name.rpartition(".")[2] for model in run.models))


def short_models(run: Run) -> str:
    """As `model_names`, of a pipeline or search only the estimator that decides: for tables."""
    return ", ".join(dict.fromkeys(_deciding(model.class_name.rpartition(".")[2]) for model in run.models))


def _deciding(name: str) -> str:
    """`Pipeline(LogisticRegression)` and `GridSearchCV(SVC)` are what they hold; `BaggingClassifier(SVC)` is itself."""
    outer, _, inner = name.partition("(")
    holds = outer == "Pipeline" or outer.endswith("SearchCV")
    return _deciding(inner.removesuffix(")")) if inner and holds else outer


def changed(run: Run) -> str:
    """The run's name or what it changed, without the models' names: a table has a column for those."""
    return run.name or ("new model" if run.change.startswith("model ") else run.change)


def metric_label(metric: Metric) -> str:
    """`auc`, or `auc[UA]` for one of a group."""
    return f"{metric.name}[{metric.key}]" if metric.key else metric.name


def metric_names(run: Run, first: str = "", most: int = MOST_METRICS) -> str:
    """The run's metrics as `auc 0.731 · accuracy 0.82`, the one named `first` at the front, groups counted only."""
    plain = [metric for metric in run.metrics if not metric.key]
    plain.sort(key=lambda metric: metric.name != first)
    words = [f"{metric.name} {metric.value:.4g}{' (shared)' if metric.shared else ''}" for metric in plain[:most]]
    rest = len(run.metrics) - len(plain[:most])
    if rest:
        words.append(f"+{rest}")
    return " · ".join(words)


def verdict(verification: Verification | None, slice_digest: str | None = None) -> str:
    """`✓ identical`, `verified before edit`, or `–` if it was never verified."""
    if verification is None:
        return "–"
    if slice_digest and verification.slice_digest and verification.slice_digest != slice_digest:
        return "verified before edit"
    return f"{_VERDICT_MARK[verification.verdict]} {verification.verdict}"


def span(values: Sequence[float]) -> str:
    """Several values as the smallest and the largest: `0.597 … 0.798`."""
    low, high = min(values), max(values)
    return number(low) if low == high else f"{low:.4g} … {high:.4g}"


def names(items: Sequence[str], most: int = 6) -> str:
    """A list in words, cut at `most`."""
    shown = ", ".join(items[:most])
    return shown if len(items) <= most else f"{shown} … ({len(items)})"


def without_password(url: str) -> str:
    """An address as it may be printed; a path stays what it is."""
    scheme, separator, rest = url.partition("://")
    credentials, at, place = rest.rpartition("@")
    return f"{scheme}{separator}{credentials.partition(':')[0]}{at}{place}"
