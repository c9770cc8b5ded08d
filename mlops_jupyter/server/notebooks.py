"""Which notebook a kernel belongs to, through renames.

The kernel cannot know: its environment names the path at which it was started. The server can: its session manager holds kernel
id → contents path, and its contents manager says every rename on the event bus. So a rename moves the recorded sessions, and
with them the experiment, to the new path. And the kernel is told where it was told before: in its connection file
(`jupyter_session`), and, for its next life, in its environment (`JPY_SESSION_NAME`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from jupyter_client.manager import KernelManager
from jupyter_core.paths import secure_write
from jupyter_core.utils import ensure_async
from jupyter_server.services.contents.manager import ContentsManager
from jupyter_server.services.kernels.kernelmanager import MappingKernelManager
from jupyter_server.services.sessions.sessionmanager import SessionManager

from mlops_jupyter.entities import MlopsError

CONTENTS_EVENTS = "https://events.jupyter.org/jupyter_server/contents_service/v1"

Rename = Callable[[str, str], None]


class Notebooks:
    """Contents paths of kernels; tells `renamed(old, new)` of each rename, once as contents paths and once as files."""

    def __init__(self, sessions: SessionManager, kernels: MappingKernelManager, contents: ContentsManager,
                 files_root: Path | None) -> None:
        self._sessions = sessions
        self._kernels = kernels
        self._contents = contents
        self._files_root = files_root

    def kernels_running(self) -> bool:
        """Whether this server has a kernel."""
        return bool(self._kernels.list_kernel_ids())

    def forms(self, path: str) -> list[str]:
        """The names under which a kernel may have recorded a contents path: the path itself, and the file."""
        if not path or self._files_root is None or ":" in path.partition("/")[0]:
            return [path] if path else []
        return [path, str(self._files_root / path)]

    async def _retell(self, old: str, new: str) -> None:
        """Every kernel of what was renamed learns its new path."""
        for model in await ensure_async(self._sessions.list_sessions()):
            path, kernel = str(model.get("path") or ""), (model.get("kernel") or {}).get("id")
            moved = path in (old, new) or path.startswith((f"{old}/", f"{new}/"))
            if not moved or kernel not in self._kernels or self._files_root is None:
                continue
            now = new + path.removeprefix(old) if path == old or path.startswith(f"{old}/") else path
            name_again(self._kernels.get_kernel(kernel), self._files_root / now)

    def listen(self, work: Callable[[Rename, str, str], Awaitable[None]], rename: Rename, log: logging.Logger) -> None:
        """From now on run `rename(old, new)` off the loop for each form of each renamed path."""

        async def on_event(logger: object, schema_id: str, data: dict[str, object]) -> None:
            if data.get("action") != "rename":
                return
            old, new = str(data.get("source_path", "")).strip("/"), str(data.get("path", "")).strip("/")
            await self._retell(old, new)
            for before, after in zip(self.forms(old), self.forms(new), strict=False):
                try:
                    await work(rename, before, after)
                except MlopsError as error:
                    log.warning("mlops_jupyter: %s was renamed to %s, its sessions were not: %s", before, after, error)

        self._contents.event_logger.add_listener(schema_id=CONTENTS_EVENTS, listener=on_event)


def name_again(kernel: KernelManager, notebook: Path) -> None:
    """Put the notebook's path where jupyter_client put it when it started the kernel, and where it will look to restart it."""
    environment = getattr(kernel, "_launch_args", {}).get("env")
    if environment is not None and "JPY_SESSION_NAME" in environment:
        environment["JPY_SESSION_NAME"] = str(notebook)
    file = Path(kernel.connection_file)
    try:
        facts = json.loads(file.read_bytes())
        if "jupyter_session" in facts:
            with secure_write(str(file)) as out:
                out.write(json.dumps({**facts, "jupyter_session": str(notebook)}, indent=2))
    except (OSError, ValueError):  # a kernel of a gateway has no file here, and goes on under the path that it knows
        return
