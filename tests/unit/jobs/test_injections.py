"""Parameters are data, never code: a corpus of texts that somewhere would be run, for every type of parameter.

What a type does not take is refused with the parameter's name and what it expects; what is text arrives as that very text, in
the cell that papermill writes and in the command line that a runner starts.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path

import papermill.translators
import pytest

from mlops_jupyter.entities import InputError, JobParameter
from mlops_jupyter.jobs.parameters import schema_for, validate
from mlops_jupyter.jobs.runners import Order, command

CORPUS = [json.loads(line) for line in (Path(__file__).parents[2] / "data" / "injections.jsonl").read_text().splitlines()]
REFUSING = [
    JobParameter("count", "integer", 1, schema_for("integer", 1)), JobParameter("rate", "number", 0.5, schema_for("number", 0.5)),
    JobParameter("fast", "boolean", True, schema_for("boolean", True)), JobParameter("since", "date", "2013-01-01"),
    JobParameter("until", "datetime", "2013-01-01T12:00"), JobParameter("price", "decimal", "0.10"),
    JobParameter("months", "array", [1], schema_for("array", [1])), JobParameter("token", "secret", "env:TOKEN"),
    JobParameter("solver", "string", "lbfgs", {"type": "string", "enum": ["lbfgs", "saga"]}),
]
TAKING = [JobParameter("title", "string", "x", {"type": "string"}), JobParameter("place", "path", "x", schema_for("path", "x"))]


DATA = {
    ("price", "1e999"), ("price", "-1e999"), ("rate", "1e-999999"), ("months", "1,000"), ("fast", "TRUE "), ("count", "20130101"),
    ("rate", "20130101"), ("price", "20130101"), ("months", "20130101"), ("token", "file:///etc/passwd"),
}
"""What is a plain value of its type after all."""


def test_the_corpus_is_large() -> None:
    assert len(set(CORPUS)) >= 200


@pytest.mark.parametrize("parameter", REFUSING, ids=lambda parameter: parameter.name)
def test_what_a_type_does_not_take_is_refused_by_name(parameter: JobParameter) -> None:
    for text in CORPUS:
        if (parameter.name, text) in DATA:
            assert isinstance(validate([parameter], {parameter.name: text})[parameter.name], int | float | str | list)
            continue
        with pytest.raises(InputError) as caught:
            pytest.fail(f"{text!r} became {validate([parameter], {parameter.name: text})}")
        assert parameter.name in caught.value.what, text
        assert f"-p {parameter.name}=" in caught.value.remedy, text
        assert parameter.type in str(caught.value), text


@pytest.mark.parametrize("parameter", TAKING, ids=lambda parameter: parameter.name)
def test_text_arrives_as_that_text_and_nothing_of_it_runs(parameter: JobParameter) -> None:
    for text in CORPUS:
        if re.search("[\0\ud800-\udfff]", text):
            with pytest.raises(InputError, match=parameter.name):
                validate([parameter], {parameter.name: text})
            continue
        given = validate([parameter], {parameter.name: text})
        assert given == {parameter.name: text}
        [statement] = ast.parse(papermill.translators.PythonTranslator.codify(given)).body
        assert isinstance(statement, ast.Assign)
        assert ast.literal_eval(statement.value) == text
        words = command(Order(submission="s", bundle=Path("job"), parameters={parameter.name: text}), ["mlops"])
        assert shlex.split(shlex.join(words)) == words
        assert words[words.index("-p") + 1] == f"{parameter.name}={text}"


def test_a_name_out_of_the_corpus_is_no_parameter() -> None:
    for text in CORPUS:
        with pytest.raises(InputError) as caught:
            validate(TAKING, {text: "1"})
        assert "title" in caught.value.remedy
