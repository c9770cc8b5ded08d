"""A job in a notebook: `mlops.job("delays-job").form()` shows its parameters as widgets, with a button that runs it.

The form is the contract: a range is a slider's, choices are a list, a secret is a reference. What is typed is checked where
everything is that a job is given, and a refusal is shown beside the button. ipywidgets comes with the first form.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from mlops_jupyter.api.jobs import JobDone, Running, inspect, run_job
from mlops_jupyter.api.jobsheets import job_run_sheet
from mlops_jupyter.entities import InputError, JobManifest, JobParameter, MlopsError
from mlops_jupyter.jobs.parameters import as_text, limits

if TYPE_CHECKING:
    import ipywidgets

    from mlops_jupyter.jobs.progress import Progress

_MOST_STEPS = 10_000


class Job:
    """A bundle, from Python: what it takes, a form for it, runs of it."""

    def __init__(self, folder: str | Path) -> None:
        """Reads and checks the bundle. Raises NotFoundError or InputError if there is none, or it was changed."""
        self.folder = Path(folder)
        self.manifest: JobManifest = inspect(folder)

    def __repr__(self) -> str:
        given = ", ".join(f"{one.name}={as_text(one.default)}" for one in self.manifest.parameters)
        return f"Job({str(self.folder)!r}: {given})"

    def run(self, parameters: Mapping[str, object] | None = None, inputs: Mapping[str, str] | None = None,
            how: Running | None = None) -> JobDone:
        """Run it here; how it ended is in the answer."""
        return run_job(self.folder, parameters, inputs, how)

    def form(self) -> Form:
        """Its parameters as widgets. Raises InputError where ipywidgets is not installed."""
        return Form(self)


class Form:
    """The widgets of a job. `values()` is what they hold, `done` the last run."""

    def __init__(self, job: Job) -> None:
        try:
            import ipywidgets as widgets
        except ImportError:
            raise InputError("a form needs ipywidgets, which is not installed", "pip install ipywidgets") from None
        self.job = job
        self.done: JobDone | None = None
        self.fields = {one.name: _field(widgets, one) for one in job.manifest.parameters}
        self.inputs = {one.name: widgets.Text("", placeholder=one.path, description=one.name, style=_STYLE)
                       for one in job.manifest.inputs if not one.fixed}
        self.button = widgets.Button(description="Run", button_style="primary")
        self.bar = widgets.IntProgress(0, 0, max(job.manifest.cells, 1), layout={"visibility": "hidden"})
        self.note = widgets.HTML()
        self.button.on_click(lambda _: self.run())
        title = widgets.HTML(f"<b>{html.escape(job.manifest.name)}</b>")
        self.widget = widgets.VBox([title, *self.fields.values(), *self.inputs.values(),
                                    widgets.HBox([self.button, self.bar]), self.note])

    def _repr_mimebundle_(self, **kwargs: object) -> object:
        """As its widgets are shown."""
        return self.widget._repr_mimebundle_(**kwargs)

    def values(self) -> dict[str, object]:
        """Parameter → what was typed, of those that are not at their default."""
        return {one.name: value for one in self.job.manifest.parameters
                if (value := _value(self.fields[one.name])) != _shown(one)}

    def run(self) -> JobDone | None:
        """Run the job with what the form holds; None if that was refused, which the form says."""
        self.button.disabled, self.note.value = True, ""
        self.bar.value, self.bar.layout.visibility = 0, "visible"
        try:
            inputs = {name: field.value for name, field in self.inputs.items() if field.value}
            self.done = self.job.run(self.values(), inputs, Running(progress=self._report, say=self._say))
            self.note.value = job_run_sheet(self.done).html()
            return self.done
        except MlopsError as error:
            self._say(str(error))
            return None
        finally:
            self.button.disabled, self.bar.layout.visibility = False, "hidden"

    def _report(self, progress: Progress) -> None:
        self.bar.max, self.bar.value, self.bar.description = progress.total, progress.done, f"{progress.done}/{progress.total}"

    def _say(self, text: str) -> None:
        self.note.value += f"<div style='color: var(--jp-error-color1, #c00)'>{html.escape(text)}</div>"


_STYLE = {"description_width": "initial"}


def _field(widgets: ModuleType, parameter: JobParameter) -> ipywidgets.DOMWidget:
    shown = {"description": parameter.name, "style": _STYLE,
             "tooltip": "; ".join(filter(None, [parameter.description, limits(parameter)]))}
    schema, value = parameter.schema, _shown(parameter)
    choices = schema.get("enum")
    if isinstance(choices, list):
        return widgets.Dropdown(options=choices, value=value, **shown)
    if parameter.type == "boolean":
        return widgets.Checkbox(value=value, indent=False, **shown)
    low, high = schema.get("minimum"), schema.get("maximum")
    make: dict[str, Callable[..., ipywidgets.DOMWidget]] = {"integer": widgets.IntText, "number": widgets.FloatText}
    if isinstance(low, int | float) and isinstance(high, int | float) and parameter.type in make:
        if parameter.type == "integer" and high - low <= _MOST_STEPS:
            return widgets.IntSlider(value=value, min=low, max=high, **shown)
        bounded = widgets.BoundedIntText if parameter.type == "integer" else widgets.BoundedFloatText
        return bounded(value=value, min=low, max=high, **shown)
    if parameter.type in make:
        return make[parameter.type](value=value, **shown)
    return widgets.Text(value=value, **shown)


def _shown(parameter: JobParameter) -> object:
    """The default as its field holds it."""
    plain = parameter.type in {"integer", "number", "boolean"} or isinstance(parameter.schema.get("enum"), list)
    return parameter.default if plain else as_text(parameter.default)


def _value(field: ipywidgets.DOMWidget) -> object:
    return field.value


def job(folder: str | Path) -> Job:
    """The job in `folder`."""
    return Job(folder)
