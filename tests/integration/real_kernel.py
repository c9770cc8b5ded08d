"""A real kernel under tracking, spoken to as a front end does. Shared by the tests of tracking."""

from __future__ import annotations

import os
from pathlib import Path
from queue import Empty

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from mlops_jupyter.entities import CellExecution, Observation, Session
from mlops_jupyter.entities.records import decode

START = "from mlops_jupyter.capture import ipython as _mj, options as _mo\n_mj.start(get_ipython(), _mo.TrackOptions({options}))"


class Kernel:
    """One kernel, spoken to as a front end does."""

    def __init__(self, folder: Path, state: Path) -> None:
        self.state = state
        self.manager = KernelManager(kernel_name="python3")
        environment = {**os.environ, "MLOPS_STATE": str(state), "MLOPS_STORE": str(state / "store"), "MLOPS_TESTING": "1"}
        self.manager.start_kernel(cwd=str(folder), env=environment)
        self.client: BlockingKernelClient = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, source: str, *, cell: str = "", silent: bool = False, interrupt: bool = False) -> list[dict[str, object]]:
        """The messages that a front end shows for one cell."""
        content = {"code": source, "silent": silent, "store_history": not silent, "user_expressions": {}, "allow_stdin": False,
                   "stop_on_error": False}
        message = self.client.session.msg("execute_request", content, metadata={"cellId": cell} if cell else {})
        self.client.shell_channel.send(message)
        shown: list[dict[str, object]] = []
        while True:
            try:
                got = self.client.get_iopub_msg(timeout=60)
            except Empty:
                raise AssertionError(f"no answer to {source!r}") from None
            if got["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            if interrupt and got["msg_type"] == "stream":
                interrupt = False
                self.manager.interrupt_kernel()
            if got["msg_type"] == "status" and got["content"]["execution_state"] == "idle":
                break
            if got["msg_type"] not in {"status", "execute_input"}:
                shown.append({"type": got["msg_type"], **got["content"]})
        self.client.get_shell_msg(timeout=60)
        return shown

    def ask(self, expressions: dict[str, str]) -> str:
        """The value of expression `v`, evaluated beside the user's code as the papermill engine does it."""
        sent = self.client.execute("", silent=True, user_expressions=expressions)
        while True:
            reply = self.client.get_shell_msg(timeout=60)
            if reply["parent_header"].get("msg_id") == sent:
                return str(reply["content"]["user_expressions"]["v"]["data"]["text/plain"])

    def track(self, options: str = "") -> None:
        assert self.run(START.format(options=options), silent=True) == []

    def entities(self) -> list[object]:
        lines = [line for file in sorted(self.state.glob("*/outbox/*.jsonl")) for line in file.read_bytes().splitlines() if line]
        return [decode(line).entity for line in lines]

    def executions(self) -> list[CellExecution]:
        found = {one.n: one for one in self.entities() if isinstance(one, CellExecution)}
        return [found[n] for n in sorted(found)]

    def last(self) -> CellExecution:
        return self.executions()[-1]

    def session(self) -> Session:
        return [one for one in self.entities() if isinstance(one, Session)][-1]

    def observations(self) -> list[Observation]:
        return [one for one in self.entities() if isinstance(one, Observation)]

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
