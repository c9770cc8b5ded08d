"""What a runner hands over as one text arrives as it was, and holds nothing that an engine or a shell would read."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.entities import InputError
from mlops_jupyter.jobs.runners import Handed, Order, read_handed

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXTS, TEXTS, st.integers(), st.floats(allow_nan=False, allow_infinity=False))
def test_it_arrives_as_it_was_and_has_no_dollar_sign(text: str, place: str, whole: int, number: float) -> None:
    order = Order(submission="s1", bundle=Path("job"), parameters={"text": text, "n": whole, "x": number, "many": [text, "$$"]},
                  inputs={"rows": place}, deliver="$HOME", retries=2, timeout=1.5)
    told = Handed.of(order).text()
    assert "$" not in told
    assert "\n" not in told
    back = read_handed(told)
    assert back == Handed.of(order)
    assert (back.parameters["text"], back.inputs["rows"]) == (text, place)
    assert int(str(back.parameters["n"])) == whole
    assert float(str(back.parameters["x"])) == number


def test_nothing_handed_over_is_nothing() -> None:
    assert read_handed("") == read_handed(" \n") == read_handed("{}") == Handed()


@pytest.mark.parametrize("text", ["{", "[]", '{"parametrs": {}}', '{"inputs": {"rows": 1}}', '{"retries": "two"}', "x" * 10_000])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"is not what a runner hands over"):
        read_handed(text)
