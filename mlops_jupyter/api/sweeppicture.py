"""The picture of a sweep: the metric against each parameter that varied, as SVG, drawn without a library and inert anywhere."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

import msgspec

from mlops_jupyter.api.words import number
from mlops_jupyter.jobs.sweep import Child, Sweep

_WIDTH, _HEIGHT, _LEFT, _TOP = 300, 220, 70, 40  # pixels: of a panel's axes, and before the first
_GAP, _BELOW = 80, 50
_MOST_PANELS, _MOST_NAMES = 4, 8
_LOG_FROM = 50.0  # times the least value: from there on a logarithm shows more


class _Axis(msgspec.Struct):
    """Where a value lies between 0 and 1, and what is written along the way."""

    places: list[float]
    ticks: list[tuple[float, str]]


def picture(sweep: Sweep, metric: str, *, minimize: bool = False) -> str | None:
    """SVG text; None where there is nothing to draw: no parameter that varied, no child that succeeded with a finite metric."""
    shown = [child for child in sweep.children
             if child.state == "succeeded" and math.isfinite(child.metrics.get(metric, math.nan))]
    names = sweep.varied[:_MOST_PANELS]
    if not shown or not names:
        return None
    scores = [child.metrics[metric] for child in shown]
    best = scores.index(min(scores) if minimize else max(scores))
    vertical = _numbers(scores, log=False)
    panels = [_panel(place, name, _axis(shown, name), vertical, best) for place, name in enumerate(names)]
    width, height = _LEFT + len(names) * (_WIDTH + _GAP), _TOP + _HEIGHT + _BELOW
    title = f"{metric}, {len(shown)} of {len(sweep.children)} children of {sweep.name}; best {number(scores[best])}"
    size = f'width="{width}" height="{height}"'
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11" role="img">',
        f"<title>{html.escape(title)}</title>", f'<rect {size} fill="white"/>',
        f'<text x="{_LEFT}" y="20" font-size="13">{html.escape(title)}</text>', *panels, "</svg>",
    ]) + "\n"


def _axis(shown: Sequence[Child], name: str) -> _Axis:
    values = [child.parameters[name] for child in shown]
    numbers = [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) == len(values):
        return _numbers(numbers, log=min(numbers) > 0 and max(numbers) / min(numbers) >= _LOG_FROM)
    words = [str(value) for value in values]
    kinds = sorted(set(words))
    where = {word: (place + 0.5) / len(kinds) for place, word in enumerate(kinds)}
    every = math.ceil(len(kinds) / _MOST_NAMES)
    return _Axis([where[word] for word in words], [(where[word], word[:12]) for word in kinds[::every]])


def _numbers(values: Sequence[float], *, log: bool) -> _Axis:
    scaled = [math.log(value) for value in values] if log else list(values)
    low, high = min(scaled), max(scaled)
    if high == low:
        return _Axis([0.5] * len(scaled), [(0.5, number(float(values[0])))])
    places = [(value - low) / (high - low) for value in scaled]
    ticks = [(share, low + (high - low) * share) for share in (0.0, 0.5, 1.0)]
    return _Axis(places, [(share, f"{math.exp(tick) if log else tick:.4g}") for share, tick in ticks])


def _panel(place: int, name: str, across: _Axis, up: _Axis, best: int) -> str:
    left = _LEFT + place * (_WIDTH + _GAP)
    bottom = _TOP + _HEIGHT
    parts = [f'<path d="M{left} {_TOP}V{bottom}H{left + _WIDTH}" fill="none" stroke="#888"/>']
    for share, words in across.ticks:
        parts.append(f'<text x="{_at(left, share, _WIDTH)}" y="{bottom + 16}" text-anchor="middle">{html.escape(words)}</text>')
    for share, words in up.ticks:
        parts.append(f'<text x="{left - 6}" y="{_at(bottom, share, -_HEIGHT)}" text-anchor="end">{html.escape(words)}</text>')
    middle = left + _WIDTH / 2
    parts.append(f'<text x="{middle}" y="{bottom + 36}" text-anchor="middle" font-weight="bold">{html.escape(name)}</text>')
    for at, (x, y) in enumerate(zip(across.places, up.places, strict=True)):
        colour, radius = ("#d1495b", 6) if at == best else ("#2e6f9e", 4)
        parts.append(f'<circle cx="{_at(left, x, _WIDTH)}" cy="{_at(bottom, y, -_HEIGHT)}" r="{radius}" fill="{colour}" '
                     'fill-opacity="0.7"/>')
    return "\n".join(parts)


def _at(start: float, share: float, length: float) -> str:
    """A place between 5 and 95 hundredths of the way, so that no point lies on an axis."""
    return f"{start + (0.05 + 0.9 * share) * length:.1f}"
