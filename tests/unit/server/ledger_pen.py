"""What the server's tests need: a pen that writes as a kernel does, and a client that takes a refusal as an answer."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from tornado.httpclient import HTTPClientError, HTTPResponse

from mlops_jupyter.config import Settings
from mlops_jupyter.entities import (
    CellError,
    CellExecution,
    Distribution,
    Entity,
    Environment,
    Fingerprint,
    NotebookRef,
    Observation,
    Read,
    Session,
    VariableVersion,
    derived_id,
    new_id,
)
from mlops_jupyter.outbox import Outbox

PACKAGES = (Distribution("a", "1"), Distribution("b", "2"))
KERNEL = "11111111-2222-3333-4444-555555555555"


class Writer:
    """A kernel's pen: a session whose cells fit a model and score it."""

    def __init__(self, notebook: str = "analysis.ipynb", kernel: str = KERNEL) -> None:
        self.outbox = Outbox(Settings.current().outbox_folder())
        self.session = Session(
            id=new_id(), writer=self.outbox.writer, kind="notebook", experiment=Path(notebook).stem,
            experiment_id=derived_id("experiment", notebook), started=time.time(), kernel_id=kernel,
            notebook=NotebookRef(derived_id("notebook", notebook), notebook),
            environment=Environment("env", "3.11.7", "CPython", "Linux", "x86_64", PACKAGES)
        )
        self.record(self.session)

    def record(self, *entities: Entity) -> None:
        for entity in entities:
            self.outbox.record(entity)

    def cell(self, n: int, source: str, **fields: object) -> CellExecution:
        facts: dict[str, object] = {"state": "ok", "cell": f"cell-{n}", "started": 100.0 + n, "ended": 100.5 + n, **fields}
        execution = CellExecution(session=self.session.id, n=n, source=source, **facts)
        self.record(execution)
        return execution

    def story(self) -> None:
        """Data, a model, exploration, a score, a failure."""
        model = Fingerprint("model", "fp1:m", "sklearn.linear_model.LogisticRegression")
        self.cell(1, "# the data\nX, y = load()", writes=[_made("X", "array"), _made("y", "array")], stores=["X", "y"])
        self.cell(2, "model = LogisticRegression().fit(X, y)", reads=[Read("X"), Read("y")], stores=["model"],
                  writes=[VariableVersion("model", "created", model)])
        self.record(Observation(self.session.id, 2, 0, 102.4, "model", "model", variable="model", fingerprint=model,
                                class_name="sklearn.linear_model.LogisticRegression", params={"C": 1.0}))
        self.cell(3, "X.shape", reads=[Read("X")])
        self.cell(4, "auc = roc_auc_score(y, model.predict(X))", reads=[Read("X"), Read("y"), Read("model")], stores=["auc"],
                  writes=[VariableVersion("auc", "created", Fingerprint("scalar", "fp1:auc", "float"))])
        self.record(Observation(self.session.id, 4, 0, 104.4, "metric", "auc", value=0.91, variable="auc",
                                models=[f"{self.session.id}:2:0"]))
        self.cell(5, "1 / 0", state="error", error=CellError("ZeroDivisionError", "division by zero"))


def _made(name: str, kind: str) -> VariableVersion:
    return VariableVersion(name, "created", Fingerprint(kind, f"fp1:{name}", "numpy.ndarray"))


class Api:
    """Our routes, asked with the token; a refusal is an answer too."""

    def __init__(self, fetch: Callable[..., Awaitable[HTTPResponse]]) -> None:
        self._fetch = fetch

    async def __call__(self, method: str, route: str, body: object = None, **params: str) -> tuple[int, object]:
        text = None if body is None else body if isinstance(body, bytes) else json.dumps(body)
        try:
            response = await self._fetch("mlops/api/v1", *route.split("/"), method=method, params=params, body=text,
                                         allow_nonstandard_methods=True)
        except HTTPClientError as error:
            if error.response is None:
                raise
            response = error.response
        return response.code, json.loads(response.body)

    async def get(self, route: str, **params: str) -> object:
        status, answer = await self("GET", route, **params)
        assert status == 200, answer
        return answer

    async def finished(self, id: str, seconds: float = 20.0) -> dict[str, object]:
        """The task once it has ended."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            task = await self.get(f"tasks/{id}")
            assert isinstance(task, dict)
            if task["state"] != "running":
                return task
            await asyncio.sleep(0.05)
        raise AssertionError(f"task {id} did not end within {seconds} s")
