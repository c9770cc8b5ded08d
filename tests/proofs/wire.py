"""Everything that one kernel says, as a front end hears it, made comparable with another kernel's.

Taken out is only what differs between any two kernels: addresses, process ids, temporary folders, random ids (kept apart by
order of appearance), durations. Pieces of one stream that arrive one after the other are joined: the kernel cuts by the clock.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from queue import Empty

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}|(?<=object at )[0-9a-f]{9,}")
_CLOCK = re.compile(r"\[\d\d:\d\d:\d\d\]|pid=\d+")
_CELL_FILE = re.compile(r"/tmp/ipykernel_\d+/")
_RANDOM_ID = re.compile(r"\b[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\b")
_DURATION = re.compile(r"\d+(?:\.\d+)?(?:e[-+]?\d+)?\s?(?:ns|[uµμ]s|ms|s|min)\b")
_TEMPORARY = re.compile(r"/tmp/(?:tmp|matplotlib|joblib|pymp)[\w.-]*|/dev/shm/\w+-\w+-\w+")
_UNLIKE = ((_CELL_FILE, "CELLS/"), (_TEMPORARY, "TEMPORARY"), (_ADDRESS, "0x"), (_CLOCK, "[now]"), (_DURATION, "T"))
_PASSING = {"status", "execute_input"}
TIMEOUT = 120


class Wire:
    """One kernel in `folder`, with everything it says."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.work = folder / "work"
        self.work.mkdir(parents=True)
        sockets = {"transport": "ipc", "ip": str(folder / "kernel")}  # a free port may be taken before the kernel has it
        self.manager = KernelManager(kernel_name="python3", **sockets)
        self.manager.start_kernel(cwd=str(self.work), env={
            **os.environ, "PYTHONHASHSEED": "0", "IPYTHONDIR": str(folder / "ipython"), "MLOPS_STATE": str(folder / "state"),
            "MLOPS_STORE": str(folder / "state" / "store"), "MLOPS_TESTING": "1", "LOKY_MAX_CPU_COUNT": "2", **environment,
        })
        self.client: BlockingKernelClient = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=TIMEOUT)
        self.pid = str(self.manager.provisioner.pid)  # type: ignore[union-attr]
        self._folder = str(folder)
        self._ids: dict[str, str] = {}

    def run(self, source: str, cell: str = "") -> list[tuple[str, object]]:
        """(type, content) of each message that the execution of `source` brings, the reply last."""
        content = {"code": source, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False,
                   "stop_on_error": False}
        message = self.client.session.msg("execute_request", content, metadata={"cellId": cell} if cell else {})
        self.client.shell_channel.send(message)
        heard: list[tuple[str, object]] = []
        while True:
            try:
                got = self.client.get_iopub_msg(timeout=TIMEOUT)
            except Empty:
                raise AssertionError(f"no answer to {source!r}") from None
            except ValueError:  # a forked child of any kernel may write into its parent's socket
                continue
            own = got["parent_header"].get("msg_id") == message["header"]["msg_id"]
            if own and got["msg_type"] == "status" and got["content"]["execution_state"] == "idle":
                break
            kind = got["msg_type"] if own else f"other {got['msg_type']}"
            if not own and got["msg_type"] in _PASSING:
                continue
            self._hear(heard, kind, {**got["content"], "buffers": len(got.get("buffers", []))})
        self._hear(heard, "reply", self._reply(message["header"]["msg_id"]))
        return heard

    def silently(self, source: str) -> None:
        """Run without a trace in the history."""
        self._reply(self.client.execute(source, silent=True))

    def _reply(self, asked: str) -> dict[str, object]:
        while True:
            reply = self.client.get_shell_msg(timeout=TIMEOUT)
            if reply["parent_header"].get("msg_id") == asked:
                return dict(reply["content"])

    def _hear(self, heard: list[tuple[str, object]], kind: str, content: dict[str, object]) -> None:
        last = heard[-1] if heard else ("", None)
        if kind.endswith("stream") and last[0] == kind and last[1]["name"] == content["name"]:  # type: ignore[index]
            content = {**content, "text": f"{last[1]['text']}{content['text']}"}  # type: ignore[index]
            heard.pop()
        heard.append((kind, self.plain(content)))

    def plain(self, value: object) -> object:
        """`value` without what differs between any two kernels."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return {self.plain(key): self.plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.plain(item) for item in value]
        return value

    def _text(self, text: str) -> str:
        text = text.replace(self._folder, "FOLDER").replace(f"_{self.pid}", "_PID")
        for pattern, word in _UNLIKE:
            text = pattern.sub(word, text)
        return _RANDOM_ID.sub(lambda match: self._ids.setdefault(match[0], f"id-{len(self._ids)}"), text)

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()
