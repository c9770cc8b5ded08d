"""What is said of a parameter holds for its default, stands in its schema, and changes the cells only where it must."""

from __future__ import annotations

import pytest

from mlops_jupyter.entities import InputError, JobParameter
from mlops_jupyter.jobs.candidates import Candidate, candidates
from mlops_jupyter.jobs.parameters import limits, validate
from mlops_jupyter.jobs.source import apply
from mlops_jupyter.jobs.terms import apply_terms, read_terms
from tests.unit.jobs.job_facts import Cells

SOURCE = ("rate = 0.5\nn = 20\nsolver = 'lbfgs'\nsince = '2013-01-01'\nmonths = [1, 2]\nkey = 'abc'\nplace = 'out'\n"
          "price = Decimal('1.50')")
USE = "print(rate, n, solver, since, months, key, place, price)"


def applied(cells: Cells, *words: str) -> tuple[dict[str, JobParameter], str]:
    """The parameters by name, and what is left of the cell."""
    executions = cells(SOURCE, USE)
    found = apply_terms(candidates(executions), read_terms(words), executions)
    return {each.parameter.name: each.parameter for each in found}, _left(found)


def _left(found: list[Candidate]) -> str:
    return apply(SOURCE, [edit for each in found for n, edit in each.edits if n == 1])


@pytest.mark.parametrize(("word", "good", "bad", "said"), [
    ("n.range=1..500", {"n": "500"}, {"n": "501"}, "1 to 500"), ("n.range=1..", {"n": "9999"}, {"n": "0"}, "at least 1"),
    ("rate.range=..1", {"rate": "-3"}, {"rate": "1.5"}, "at most 1.0"),
    ("solver.choices=lbfgs,saga", {"solver": "saga"}, {"solver": "newton"}, "lbfgs or saga"),
    ("since.range=2012-12-31..2013-12-31", {"since": "2013-12-31"}, {"since": "2014-01-01"}, "2012-12-31 to 2013-12-31"),
    ("months.range=1..12", {"months": "12,1"}, {"months": "1,13"}, "1 to 12"),
    ("months.choices=1,2,3", {"months": "[3]"}, {"months": "4"}, "1, 2 or 3"),
    ("price.range=0..9.99", {"price": "9.99"}, {"price": "9.991"}, "0 to 9.99"),
])
def test_a_range_and_choices_are_kept_and_checked(cells: Cells, word: str, good: dict[str, object], bad: dict[str, object],
                                                  said: str) -> None:
    parameters = list(applied(cells, word)[0].values())
    assert validate(parameters, good)
    with pytest.raises(InputError) as caught:
        validate(parameters, bad)
    [parameter] = [each for each in parameters if each.name in bad]
    assert limits(parameter) == said
    assert said in str(caught.value) or parameter.type == "array"


def test_another_name_leaves_the_code_its_own(cells: Cells) -> None:
    found, left = applied(cells, "n.rename=iterations", "n.help=how many  turns")
    assert (found["iterations"].default, found["iterations"].description) == (20, "how many turns")
    assert left == "n = iterations\nprice = Decimal(str(price))"


def test_a_secret_leaves_neither_value_nor_assignment(cells: Cells) -> None:
    found, left = applied(cells, "key.secret=env", "key.rename=api_key")
    assert (found["api_key"].type, found["api_key"].default) == ("secret", "env:API_KEY")
    assert left == "key = __import__('os').environ['API_KEY']\nprice = Decimal(str(price))"
    assert "abc" not in repr(found)


def test_another_type_takes_the_default_along(cells: Cells) -> None:
    found, left = applied(cells, "n.type=number", "place.type=path", "since.type=string")
    assert (found["n"].default, found["place"].type, found["since"].type) == (20.0, "path", "string")
    assert left == "place = __import__('pathlib').Path(place)\nprice = Decimal(str(price))"


@pytest.mark.parametrize(("words", "what"), [
    (["n.range=30..500"], "20 is less than the minimum"), (["solver.choices=saga"], "'lbfgs' is not one of"),
    (["nn.range=1..2"], "'nn' is no parameter"), (["n.range=5"], "'5' is no range"), (["n.range=9..1"], "nothing lies in"),
    (["solver.range=a..z"], "is no range of a string"), (["n.range=a..z"], "'a' is not an integer"),
    (["n.rename=class"], "'class'"), (["n.rename=_n"], "'_n'"), (["n.rename=rate"], "'rate'"), (["n.rename=print"], "'print'"),
    (["n.rename=z", "rate.rename=z"], "'z'"), (["n.type=array"], "'array'"), (["solver.type=integer"], "'lbfgs'"),
    (["months.type=string"], "'string'"), (["n.colour=red"], "n.colour=red"), (["n"], "'n' says nothing"), (["=1"], "'=1'"),
    (["key.secret=abc"], "is a secret"),
])
def test_what_cannot_hold_is_refused_with_its_words(cells: Cells, words: list[str], what: str) -> None:
    with pytest.raises(InputError) as caught:
        applied(cells, *words)
    assert what in caught.value.what
    assert "'abc'" not in str(caught.value)
