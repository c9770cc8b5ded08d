"""The papermill engine: nbclient's own loop, with tracking started in the kernel before the first cell and ended after the last.

What it adds travels beside the user's code, never in it: expressions evaluated with a silent, empty execute request (no name
is bound, no prompt number is used, no hook of a cell fires) and the id of each cell in the metadata of its execute request.
Import this module through `engine.py` only (the reason stands there).
"""

from __future__ import annotations

import ast
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING, cast

import msgspec
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_core.utils import ensure_async, run_sync
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine
from papermill.log import logger

from mlops_jupyter.capture.options import TrackOptions
from mlops_jupyter.entities import InputError, JobFailedError
from mlops_jupyter.jobs.cleaning import Cleaner, Printed
from mlops_jupyter.jobs.progress import EngineOptions, Progress
from mlops_jupyter.jobs.resume import Resuming
from mlops_jupyter.jobs.saving import mark, outlive_failed_saves
from mlops_jupyter.jobs.stopping import exit_on_sigterm

if TYPE_CHECKING:
    from nbformat import NotebookNode
    from papermill.engines import NotebookExecutionManager

STOP_SECONDS = 60.0  # ending a session writes a few lines; a kernel that needs longer is killed, and its lock tells the rest
KEEP_SECONDS = 600.0
AFTER_SECONDS = 600.0  # what comes after the last cell writes tables to a disk
SOCKET_PATH_MAX = 80  # Unix limits a socket's path to about 104 bytes, of which the port suffix takes some


class _Answer(msgspec.Struct):
    """The value of one expression as the kernel sends it."""

    status: str
    ename: str = ""
    evalue: str = ""
    data: dict[str, str] = {}


class _Content(msgspec.Struct):
    """What we read of an execute reply."""

    status: str
    ename: str = ""
    evalue: str = ""
    user_expressions: dict[str, _Answer] = {}


class TrackedClient(PapermillNotebookClient):  # type: ignore[misc] # papermill carries no types
    """One execution of one notebook in one kernel, tracked."""

    def __init__(self, nb_man: NotebookExecutionManager, options: EngineOptions, **traits: object) -> None:
        super().__init__(nb_man, on_cell_execute=self._before_cell, on_cell_complete=self._sent, **traits)
        self.options = options
        self._folders: list[Path] = []
        self._code_cells = [cell for cell in self.nb.cells if cell.cell_type == "code" and cell.source.strip()
                            and "injected-parameters" not in cell.metadata.get("tags", [])]
        self._done = 0
        self._running: NotebookNode | None = None
        self._abandoned = False
        self._cleaner = Cleaner(options.secrets) if options.secrets else None
        self._printed = Printed(options.printed, self._cleaner) if options.printed is not None else None
        self._resuming = Resuming(options.checkpoints, self.nb.cells, self._ask) if options.checkpoints is not None else None

    def execute(self, **kwargs: object) -> NotebookNode:
        """As papermill does, with the kernel's own folders removed at the end."""
        environment = {**os.environ, **self.options.env}
        try:
            with exit_on_sigterm():
                if self.options.log is None:
                    return super().execute(env=environment, **kwargs)
                with self.options.log.open("ab") as log:
                    return super().execute(env=environment, stderr=log, **kwargs)
        finally:
            for folder in self._folders:
                shutil.rmtree(folder, ignore_errors=True)

    def create_kernel_manager(self) -> object:
        """A manager that talks over sockets in a private folder: no port to race for, nothing open to other users."""
        manager = super().create_kernel_manager()
        if self.options.executable not in {"", sys.executable}:
            manager.kernel_spec_manager = KernelSpecManager(kernel_dirs=[str(self._kernel_folder())], ensure_native_kernel=False)
        if os.name == "posix":
            folder = Path(tempfile.mkdtemp(prefix="mk"))
            if len(str(folder)) > SOCKET_PATH_MAX:
                folder.rmdir()
                folder = Path(tempfile.mkdtemp(prefix="mk", dir="/tmp"))  # mkdtemp makes it private
            self._folders.append(folder)
            manager.transport = "ipc"
            manager.ip = str(folder / "k")
        if self.options.warm is not None:
            manager.provisioner = self.options.warm.provisioner(manager)
        return manager

    def _kernel_folder(self) -> Path:
        """A private folder with one kernel in it: the interpreter that was asked for, under the notebook's kernel name."""
        folder = Path(tempfile.mkdtemp(prefix="mks"))
        self._folders.append(folder)
        argv = [self.options.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        home = folder / (self.kernel_name or "python3").lower()
        home.mkdir()
        spec = {"argv": argv, "display_name": self.options.executable, "language": "python"}
        (home / "kernel.json").write_bytes(msgspec.json.encode(spec))
        return folder

    def papermill_execute_cells(self) -> None:
        """Start tracking, run the cells, end the session: also after a failing cell, never after a dead kernel."""
        self.options.pid = getattr(getattr(self.km, "provisioner", None), "pid", None)
        self.options.session = self._start_tracking()
        if self._resuming is not None:
            self.options.cells = self._resuming.reports
            run_sync(self._resuming.begin)()
        self._follow_starts()
        try:
            super().papermill_execute_cells()
        except DeadKernelError as error:
            mark(self.nb_man, self._running, error)
            raise
        except BaseException as error:
            self._abandoned = True
            try:
                self._interrupt()
                self._stop_tracking(5.0)
            finally:  # whoever stops a run may be impatient
                mark(self.nb_man, self._running, error)
            if isinstance(error, CellTimeoutError):
                self.options.failed = self.options.current
            raise
        self._report(0, "")
        self._keep_results()
        if self.options.after is not None:
            run_sync(self._ask)(self.options.after(), AFTER_SECONDS)
        self._stop_tracking(STOP_SECONDS)

    def _follow_starts(self) -> None:
        """Know which cell runs from the moment on that the notebook says so."""
        start = self.nb_man.cell_start

        def started(cell: NotebookNode, *args: object, **named: object) -> None:
            self._running = cell if cell.cell_type == "code" else None
            start(cell, *args, **named)

        self.nb_man.cell_start = started

    async def async_execute_cell(self, cell: NotebookNode, cell_index: int, execution_count: int | None = None,
                                 store_history: bool = True) -> NotebookNode:
        """As nbclient does, or what an earlier run left in its place; remembers which cell's error ended the execution."""
        resuming = self._resuming if cell.cell_type == "code" and cell.source.strip() else None
        position = self._position(cell) or 0
        if resuming is not None and await resuming.take(cell_index, position):
            self._taken(position, cell)
            return cell
        started = time.monotonic()
        try:
            done = await super().async_execute_cell(cell, cell_index, execution_count, store_history)
        except CellExecutionError:
            if self._abandoned:  # the caller was interrupted and no longer waits for this cell: nobody would take the error
                return cell
            self.options.failed = self._position(cell)
            raise
        if resuming is not None:
            await resuming.keep(cell_index, position, time.monotonic() - started)
        self._running = None
        return done

    execute_cell = run_sync(async_execute_cell)

    async def _before_cell(self, cell: NotebookNode, cell_index: int) -> None:
        states = self.options.restore.get(cell.get("id", ""))
        if states:
            restore = "__import__('mlops_jupyter.capture.randomness', fromlist=['*']).restore"
            for source, state in states.items():
                await self._ask(f"{restore}({source!r}, {state!r})", STOP_SECONDS)
        self.options.current = self._position(cell)
        self._report(self.options.current or 0, cell.source)
        # nbclient sends no metadata with a request; the session's default metadata goes out with the next message.
        self.kc.session.metadata = {"cellId": cell.get("id", "")}

    def process_message(self, msg: dict[str, object], cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        """As papermill does, which may write the notebook at once: so without the job's secrets."""
        if self._printed is not None and msg["msg_type"] == "stream":
            self._printed.add(str(cast("dict[str, object]", msg["content"]).get("text", "")))
        if self._cleaner is not None:
            self._cleaner.inside(msg["content"])
        return super().process_message(msg, cell, cell_index)

    def _taken(self, position: int, cell: NotebookNode) -> None:
        self.options.current = position
        self._report(position, cell.source)
        self._done += 1

    async def _sent(self, cell: NotebookNode, cell_index: int) -> None:
        if self._printed is not None:
            self._printed.end()
        if self._cleaner is not None:
            self._cleaner.inside(cell.outputs)
        self._done += 1
        self.kc.session.metadata = {}

    def _position(self, cell: NotebookNode) -> int | None:
        return next((place for place, known in enumerate(self._code_cells, 1) if known is cell), None)

    def _report(self, place: int, source: str) -> None:
        if self.options.progress is not None:
            first = next((line.strip() for line in source.splitlines() if line.strip()), "")
            self.options.progress(Progress(done=self._done, total=len(self._code_cells), cell=place, source=first))

    def _start_tracking(self) -> str:
        text = msgspec.json.encode(self.options.track).decode()
        call = f"__import__('mlops_jupyter.capture.ipython', fromlist=['*']).start_from_json({text!r})"
        return str(ast.literal_eval(run_sync(self._ask)(call, 120.0)))

    def _stop_tracking(self, seconds: float) -> None:
        call = "__import__('mlops_jupyter.capture.ipython', fromlist=['*']).stop()"
        try:
            run_sync(self._ask)(call, seconds)
        except (DeadKernelError, TimeoutError, JobFailedError) as error:
            self.log.warning("the session could not be ended cleanly: %s", error)

    def _keep_results(self) -> None:
        kept = self.options.keep
        names, files = list(kept.variables), list(kept.files)
        if not (names or files) or self.options.failed is not None:
            return
        call = f"__import__('mlops_jupyter.capture.results', fromlist=['*']).keep({names!r}, {files!r}, {dict(kept.metrics)!r})"
        try:
            answer = ast.literal_eval(run_sync(self._ask)(call, KEEP_SECONDS))
            self.options.lost = msgspec.json.decode(answer, type=dict[str, str])
        except (DeadKernelError, TimeoutError, JobFailedError) as error:
            self.options.lost = {name: str(error) for name in [*names, *files]}

    def _interrupt(self) -> None:
        try:
            run_sync(self._async_interrupt)()
        except RuntimeError as error:
            self.log.debug("no kernel to interrupt: %s", error)

    async def _async_interrupt(self) -> None:
        await ensure_async(self.km.interrupt_kernel())

    async def _ask(self, expression: str, seconds: float) -> str:
        """Evaluate `expression` in the kernel, beside the user's code; its repr. Raises what went wrong."""
        where = "__import__('sys').executable"
        asked = {"value": expression, "where": where}
        sent = await ensure_async(self.kc.execute("", silent=True, store_history=False, user_expressions=asked))
        content = await self._reply(sent, seconds)
        answers = content.user_expressions
        value = answers.get("value") or _Answer("error", content.ename, content.evalue)
        if value.status == "ok":
            return value.data["text/plain"]
        name, message = value.ename, value.evalue
        if name in {"ModuleNotFoundError", "ImportError"} and "mlops_jupyter" in message:
            interpreter = answers["where"].data.get("text/plain", "python").strip("'\"")
            raise InputError(f"mlops_jupyter is not installed in the kernel {self.kernel_name!r} ({interpreter}): {message}",
                             f"{interpreter} -m pip install mlops_jupyter")
        raise JobFailedError(f"the kernel {self.kernel_name!r} could not do what tracking needs: {name}: {message}",
                             "mlops doctor")

    async def _reply(self, sent: str, seconds: float) -> _Content:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                message = await ensure_async(self.kc.shell_channel.get_msg(timeout=1))
            except Empty:
                await self._async_check_alive()
                continue
            if message["parent_header"].get("msg_id") == sent:
                return msgspec.convert(message["content"], _Content)
        raise TimeoutError(f"no answer from the kernel within {seconds:g} s")


class MlopsEngine(NBClientEngine):  # type: ignore[misc] # papermill carries no types
    """`papermill --engine mlops in.ipynb out.ipynb`: papermill as it is, with the execution recorded cell by cell."""

    @classmethod
    def execute_managed_notebook(  # noqa: PLR0913, PLR0917 (papermill's own signature)
        cls, nb_man: NotebookExecutionManager, kernel_name: str, log_output: bool = False, stdout_file: object = None,
        stderr_file: object = None, start_timeout: int = 60, execution_timeout: int | None = None,
        input_path: object = None, mlops: EngineOptions | None = None, **traits: object,
    ) -> NotebookNode:
        """Execute the notebook that `nb_man` holds. `mlops` is what our own verbs ask for; plain papermill gives none."""
        options = mlops or EngineOptions(TrackOptions(kind="headless", notebook_path=_label(input_path)))
        outlive_failed_saves(nb_man)
        traits.update(timeout=execution_timeout or traits.get("timeout"), startup_timeout=start_timeout, kernel_name=kernel_name,
                      log_output=log_output, stdout_file=stdout_file, stderr_file=stderr_file)
        if mlops is None:  # `papermill --log-output` shows what papermill's own logger gets; our verbs say it in their own words
            traits["log"] = logger
        return TrackedClient(nb_man, options, **traits).execute()


def _label(path: object) -> str:
    if not isinstance(path, str) or "://" in path:
        return path if isinstance(path, str) else ""
    return str(Path(path).absolute()) if Path(path).exists() else path
