"""A job's form is its contract as widgets: what they hold is what the job is given, and a refusal is shown."""

from __future__ import annotations

from pathlib import Path

import ipywidgets
import pytest

import mlops_jupyter as mlops
from mlops_jupyter.api.forms import Form
from mlops_jupyter.entities import JobManifest, JobParameter
from mlops_jupyter.jobs.bundle import write
from mlops_jupyter.jobs.convert import Draft
from mlops_jupyter.jobs.parameters import schema_for

PARAMETERS = [
    JobParameter("trees", "integer", 20, {"type": "integer", "minimum": 1, "maximum": 99}, "how many"),
    JobParameter("rate", "number", 0.5, schema_for("number", 0.5)),
    JobParameter("fast", "boolean", False, schema_for("boolean", 0)),
    JobParameter("solver", "string", "lbfgs", {"type": "string", "enum": ["lbfgs", "saga"]}),
    JobParameter("months", "array", [1, 2], schema_for("array", [1])), JobParameter("since", "date", "2013-06-30"),
    JobParameter("key", "secret", "env:KEY"),
]


@pytest.fixture
def form(tmp_path: Path) -> Form:
    notebook = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    manifest = JobManifest("delays", 1.0, PARAMETERS, [], [], 1, 3)
    write(Draft(manifest, {}, {"notebook.ipynb": notebook}, [], []), tmp_path / "job")
    return mlops.job(tmp_path / "job").form()


def test_each_parameter_has_the_widget_of_its_kind(form: Form) -> None:
    assert {name: type(field) for name, field in form.fields.items()} == {
        "trees": ipywidgets.IntSlider, "rate": ipywidgets.FloatText, "fast": ipywidgets.Checkbox, "solver": ipywidgets.Dropdown,
        "months": ipywidgets.Text, "since": ipywidgets.Text, "key": ipywidgets.Text,
    }
    assert (form.fields["trees"].min, form.fields["trees"].max, form.fields["trees"].tooltip) == (1, 99, "how many; 1 to 99")
    assert form.values() == {}
    assert "application/vnd.jupyter.widget-view+json" in form._repr_mimebundle_()  # type: ignore[operator]


def test_what_was_changed_is_given(form: Form) -> None:
    form.fields["trees"].value = 7
    form.fields["solver"].value = "saga"
    form.fields["months"].value = "[3]"
    assert form.values() == {"trees": 7, "solver": "saga", "months": "[3]"}


def test_a_refusal_is_shown_and_the_button_is_free_again(form: Form) -> None:
    form.fields["since"].value = "<soon>"
    form.button.click()
    assert "since" in form.note.value
    assert "&lt;soon&gt;" in form.note.value
    assert (form.button.disabled, form.done) == (False, None)
