"""The pictures of a review, as SVG: each metric as it was and as it is, from zero, and the course of those that were seen often.

Drawn without a library, inert anywhere, and legible on a light and on a dark page, since each brings its own ground.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from mlops_jupyter.api.words import number
from mlops_jupyter.entities import Scalar
from mlops_jupyter.jobs.review import MetricDiff, Objective, as_float

_WIDTH, _NAMES, _VALUES, _ROW, _HEAD = 640, 190, 110, 40, 34  # pixels: all, left and right of the bars, of a metric, above
_LINE_HEIGHT = 150
_MOST_ROWS, _MOST_LETTERS = 16, 26
_STYLE = """<style>
.ground { fill: #ffffff } .text { fill: #1f2328 } .soft { fill: #59636e } .axis { stroke: #d1d9e0; fill: none }
.base { fill: #9aa4af } .now { fill: #2e6f9e } .goal { stroke: #bc4c00; stroke-width: 2; fill: none }
.base-line { stroke: #9aa4af; fill: none; stroke-width: 1.5 } .now-line { stroke: #2e6f9e; fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
.ground { fill: #151b23 } .text { fill: #f0f6fc } .soft { fill: #9198a1 } .axis { stroke: #3d444d } .base { fill: #6e7781 }
.now { fill: #58a6ff } .goal { stroke: #f0883e } .base-line { stroke: #6e7781 } .now-line { stroke: #58a6ff }
}
</style>"""


def bars(metrics: Sequence[MetricDiff], objective: Objective | None = None) -> str | None:
    """Two bars for each metric that is a finite number on both sides, the objective across; None if there is no such metric."""
    shown = [one for one in metrics if _finite(one.base) is not None and _finite(one.now) is not None][:_MOST_ROWS]
    if not shown:
        return None
    rows = [_row(place, one, objective) for place, one in enumerate(shown)]
    return _svg("Metrics: as they were, and as they are", _HEAD + len(shown) * _ROW + 8, [_legend(objective), *rows])


def courses(metrics: Sequence[MetricDiff]) -> list[tuple[MetricDiff, str]]:
    """A picture for each metric with several values: all of them, in order, as they were and as they are."""
    several = [one for one in metrics if max(len(one.base_series), len(one.now_series)) > 2]
    return [(one, _course(one)) for one in several if any(map(math.isfinite, [*one.base_series, *one.now_series]))]


def _finite(value: Scalar) -> float | None:
    found = as_float(value)
    return found if found is not None and math.isfinite(found) else None


def _svg(title: str, height: int, parts: Sequence[str]) -> str:
    size = f'width="{_WIDTH}" height="{height}"'
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" '
            'font-size="12" role="img">')
    return "\n".join([head, f"<title>{_escaped(title)}</title>", _STYLE, f'<rect class="ground" {size} rx="6"/>',
                      *parts, "</svg>"]) + "\n"


def _legend(objective: Objective | None) -> str:
    parts = [f'<rect class="base" x="{_NAMES}" y="12" width="12" height="8"/>', _text(_NAMES + 18, 20, "base", "soft"),
             f'<rect class="now" x="{_NAMES + 62}" y="12" width="12" height="8"/>', _text(_NAMES + 80, 20, "now", "soft")]
    if objective is not None and objective.state != "not judged":
        parts += [f'<path class="goal" d="M{_NAMES + 126} 10v12"/>', _text(_NAMES + 134, 20, "objective", "soft")]
    return "\n".join(parts)


def _row(place: int, one: MetricDiff, objective: Objective | None) -> str:
    base, now = _finite(one.base) or 0.0, _finite(one.now) or 0.0
    goals = _bounds(one, objective)
    low, high = min(0.0, base, now, *goals), max(0.0, base, now, *goals)
    if high <= 1 and low >= 0 and max(base, now) > 0.2:
        high = 1.0  # most scores end there, and two of them are then drawn alike
    room = _WIDTH - _NAMES - _VALUES

    def across(value: float) -> float:
        return _NAMES + ((value / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.0) * room  # halves: no overflow

    top, zero = _HEAD + place * _ROW, across(0.0)
    parts = [_text(_NAMES - 10, top + 21, _cut(one.name), "text", anchor="end"),
             f'<path class="axis" d="M{zero:.1f} {top}v{_ROW - 8}"/>']
    for kind, value, y in (("base", base, top + 3), ("now", now, top + 17)):
        left, width = min(zero, across(value)), abs(across(value) - zero)
        parts.append(f'<rect class="{kind}" x="{left:.1f}" y="{y}" width="{max(width, 1):.1f}" height="12"/>')
        parts.append(_text(_WIDTH - 12, y + 10, number(value), "soft" if kind == "base" else "text", anchor="end"))
    parts += [f'<path class="goal" d="M{across(goal):.1f} {top - 1}v{_ROW - 6}"/>' for goal in goals]
    return "\n".join(parts)


def _bounds(one: MetricDiff, objective: Objective | None) -> list[float]:
    """The finite bounds of the objective, if it is about this metric or its groups."""
    if objective is None or one.name.partition("[")[0] != objective.metric.partition("[")[0]:
        return []
    return [bound for each in (objective.at_least, objective.at_most) if (bound := _finite(each)) is not None]


def _course(one: MetricDiff) -> str:
    values = [value for value in (*one.base_series, *one.now_series) if math.isfinite(value)]
    low, high = min(values), max(values)
    most = max(len(one.base_series), len(one.now_series)) - 1
    left, right, top, bottom = 80, _WIDTH - 20, _HEAD + 6, _HEAD + _LINE_HEIGHT
    parts = [_legend(None), _text(12, 20, _cut(one.name), "text"), f'<path class="axis" d="M{left} {top}V{bottom}H{right}"/>',
             _text(left - 8, top + 8, number(high), "soft", anchor="end"),
             _text(left - 8, bottom, number(low), "soft", anchor="end"),
             _text(left, bottom + 18, "1", "soft"), _text(right, bottom + 18, str(most + 1), "soft", anchor="end")]
    for kind, series in (("base-line", one.base_series), ("now-line", one.now_series)):
        points = [(left + (right - left) * place / most, _height(value, low, high, top, bottom))
                  for place, value in enumerate(series) if math.isfinite(value)]
        if points:
            parts.append(f'<polyline class="{kind}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>')
    return _svg(f"{one.name}: all values", _HEAD + _LINE_HEIGHT + 28, parts)


def _height(value: float, low: float, high: float, top: int, bottom: int) -> float:
    share = (value / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.5
    return bottom - 4 - share * (bottom - top - 8)


def _text(x: float, y: float, words: str, kind: str, *, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{_escaped(words)}</text>'


def _cut(name: str) -> str:
    return name if len(name) <= _MOST_LETTERS else name[: _MOST_LETTERS - 1] + "…"


def _escaped(text: str) -> str:
    """Text in XML, which has no control characters and no halves of letters."""
    return html.escape("".join(letter if letter.isprintable() else "�" for letter in text))
