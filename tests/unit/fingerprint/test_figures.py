"""Figures: parts of one are aliases, figures are not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlops_jupyter.fingerprint import fingerprint, footprint

pyplot = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    pyplot.close("all")


def test_the_parts_of_a_figure_are_aliases_and_those_of_another_are_not() -> None:
    figure, (left, right) = pyplot.subplots(1, 2)
    other, _ = pyplot.subplots()
    line, = left.plot([1, 2])
    for one in (left, right, line, left.get_xaxis(), left.set_title("t")):
        assert footprint(one).ids & footprint(figure).ids
        assert not footprint(one).ids & footprint(other).ids


def test_a_figure_has_no_digest() -> None:
    figure, axes = pyplot.subplots()
    for one in (figure, axes, axes.plot([1])[0], axes.set_title("t")):
        assert (fingerprint(one).kind, fingerprint(one).digest) == ("figure", None)
