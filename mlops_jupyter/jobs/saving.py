"""What stands in the output notebook of a run that met trouble: papermill would lose the run, or call a killed cell completed.

A save in the middle may fail (a bucket out of reach, a full disk) and the cells go on: what could not be written is kept in a
spare file until a later save succeeds. Papermill writes once more at the end, and that one raises: a run whose notebook is not
where it should be does not exit with 0.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from nbformat.v4 import new_output
from papermill.log import logger

from mlops_jupyter.jobs.outcome import DIED

if TYPE_CHECKING:
    from nbformat import NotebookNode
    from papermill.engines import NotebookExecutionManager


def outlive_failed_saves(nb_man: NotebookExecutionManager) -> None:
    """From now on a save of `nb_man` that fails is said, and the notebook is kept in a spare file."""
    save, spare = nb_man.save, _Spare()

    def attempt(**replaced: object) -> None:
        try:
            save(**replaced)
        except Exception as error:  # noqa: BLE001 (each storage has errors of its own: no credentials, no bucket, no network)
            nb_man.last_save_time = nb_man.now()  # else papermill tries again with each message of the kernel
            spare.keep(nb_man.nb, str(nb_man.output_path), error)
        else:
            spare.drop()

    nb_man.save = attempt


class _Spare:
    """The file that holds the notebook while its own place cannot be written."""

    def __init__(self) -> None:
        self._file: Path | None = None

    def keep(self, notebook: NotebookNode, place: str, error: Exception) -> None:
        if self._file is None:
            self._file = Path(tempfile.mkdtemp(prefix="mlops-unsaved-")) / (place.rpartition("/")[2] or "output.ipynb")
            why = next(iter(str(error).splitlines()), "") or type(error).__name__
            logger.warning("%s could not be written: %s. The run goes on; its notebook is kept in %s", place, why, self._file)
        nbformat.write(notebook, self._file)

    def drop(self) -> None:
        if self._file is not None:
            self._file.unlink()
            self._file.parent.rmdir()
            self._file = None
            logger.warning("the notebook could be written again")


def mark(nb_man: NotebookExecutionManager, cell: NotebookNode | None, error: BaseException) -> None:
    """Write into the notebook that `error` ended the execution while `cell` ran."""
    nb_man.nb.metadata.papermill["exception"] = True
    if cell is None:
        return
    nb_man.cell_exception(cell)
    if any(output.output_type == "error" for output in cell.outputs):  # the kernel's own, once it was interrupted
        return
    name = type(error).__name__
    why = DIED if name == "DeadKernelError" else next(iter(str(error).splitlines()), "") or "stopped by the user"
    if isinstance(error, SystemExit):
        why = f"stopped by a signal (exit code {error.code})"
    cell.outputs.append(new_output("error", ename=name, evalue=why, traceback=[f"{name}: {why}"]))
