"""The executed notebook of a job at an address: `mlops run BUNDLE -o s3://bucket/out.ipynb`, as papermill's storages give it.

The notebook is always in the work folder. From there a thread of its own sends it when it has changed, which it has after each
cell: a slow bucket slows no cell (it gets fewer versions), and one that fails loses nothing. The first version is sent before a
kernel starts, so that an address that cannot be written is said while nothing has run yet.
"""

from __future__ import annotations

import threading
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import msgspec

from mlops_jupyter.entities import InputError, MlopsError
from mlops_jupyter.jobs.convert import NOTEBOOK
from mlops_jupyter.jobs.storage import check_driver, check_no_password, send

_LOOK = 0.3  # seconds between looks at the notebook in the work folder
_WHAT, _OTHERWISE = "the executed notebook", "look at the address, or give a file: -o PATH"


class Delivery:
    """Where the notebook of the job in `folder` is to be besides its work folder. `say` hears that it fails, and works again."""

    def __init__(self, address: str, folder: Path, say: Callable[[str], None] | None = None) -> None:
        parts = urllib.parse.urlsplit(address)
        check_no_password(_WHAT, parts, "-o ")
        check_driver(_WHAT, address, "give a file: -o PATH")
        if not parts.path.strip("/") or address.endswith("/"):
            raise InputError(f"{_WHAT}: {address} names no file", f"-o {address.rstrip('/')}/output.ipynb")
        self.address, self.undelivered = address, ""
        self._folder, self._say = folder, say
        self._output = Path()
        self._sent = b""
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, output: Path) -> None:
        """Send the notebook as the job has it, then whatever comes to stand at `output`. Raises what the first sending raises."""
        self._output, self.undelivered = output, ""
        send((self._folder / NOTEBOOK).read_bytes(), self.address, _WHAT, _OTHERWISE)
        self._over.clear()
        self._thread = threading.Thread(target=self._follow, name="mlops-delivery", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Send what stands there now, and stop. `undelivered` says why it is not at the address; "" if it is."""
        if self._thread is not None:
            self._over.set()
            self._thread.join()
            self._thread = None
            self._send()

    def _follow(self) -> None:
        seen = 0
        while not self._over.wait(_LOOK):
            written = self._output.stat().st_mtime_ns if self._output.exists() else 0
            if written != seen and self._send():
                seen = written

    def _send(self) -> bool:
        """True unless the file is being written at this moment: then it is no JSON."""
        data = self._output.read_bytes() if self._output.exists() else b""
        try:
            msgspec.json.decode(data)
        except msgspec.DecodeError:
            return False
        if data != self._sent or self.undelivered:
            self._try(data)
        return True

    def _try(self, data: bytes) -> None:
        before = self.undelivered
        try:
            send(data, self.address, _WHAT, _OTHERWISE)
        except MlopsError as error:
            self.undelivered = error.what
            if not before and self._say is not None:
                self._say(f"{error.what}. The run goes on; its notebook is in {self._output}")
            return
        self._sent, self.undelivered = data, ""
        if before and self._say is not None:
            self._say(f"{_WHAT} is written to {self.address} again")
