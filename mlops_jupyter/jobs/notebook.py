"""Reading a notebook that somebody hands us: what is not one, or cannot run unattended, is refused before anything starts.

Each refusal carries the value that was wrong and the step that helps. Nothing is executed and nothing is written.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_jupyter.entities import InputError, NotFoundError, derived_id
from mlops_jupyter.entities.errors import must_be_a_file
from mlops_jupyter.jobs.source import parse

if TYPE_CHECKING:
    from nbformat import NotebookNode

CONFLICT = ("<<<<<<< ", ">>>>>>> ")

_SERVING = frozenset({"uvicorn.run", "waitress.serve", "web.run_app", "aiohttp.web.run_app", "hypercorn.run", "bottle.run"})


def read_notebook(path: str | Path) -> NotebookNode:
    """The notebook at `path`, in format 4.5, each cell with an id. Raises InputError or NotFoundError, with the remedy."""
    path = Path(path)
    document = _document(path, _text(path))
    _check_format(path, document)
    _check_ids(path, document)
    import nbformat
    from nbformat.v4.rwbase import rejoin_lines

    try:
        nbformat.validate(document, relax_add_props=True)
    except nbformat.ValidationError as error:
        raise InputError(f"{path} is not a valid notebook: {str(error).splitlines()[0]}",
                         "open it in JupyterLab, save it, and try again") from None
    notebook = rejoin_lines(nbformat.from_dict(document))
    for place, cell in enumerate(notebook.cells):
        cell.setdefault("id", derived_id(str(place), str(cell.source))[:8])
    notebook.nbformat_minor = max(int(notebook.nbformat_minor), 5)
    return notebook


def check_runs_unattended(notebook: NotebookNode, label: str) -> None:
    """Raise InputError where there is nothing to run, or not in Python, or a cell is sure to wait for ever or ends the kernel."""
    language = str(notebook.metadata.get("kernelspec", {}).get("language") or
                   notebook.metadata.get("language_info", {}).get("name") or "python")
    if language.lower() != "python":
        raise InputError(f"{label} is written in {language}; only Python notebooks can be tracked and made jobs",
                         "give a notebook with a Python kernel")
    if next(code_cells(notebook), None) is None:
        raise InputError(f"{label} holds no code cell, so there is nothing to run", "write a cell in it, save it, and try again")
    trees = [parse(str(cell.source)) or ast.Module([], []) for cell in code_cells(notebook)]
    apps = {name for tree in trees for name in _apps(tree)}
    for place, tree in enumerate(trees, 1):
        for call in _certain_calls(tree):
            name = ast.unparse(call.func)
            why = _why_not(name, apps)
            if why is not None:
                raise InputError(f"{label}: code cell {place}, line {call.lineno} calls {name}(), and {why[0]}", why[1])


def code_cells(notebook: NotebookNode) -> Iterator[NotebookNode]:
    """The code cells that hold code, in order."""
    return (cell for cell in notebook.cells if cell.cell_type == "code" and str(cell.source).strip())


def _certain_calls(tree: ast.Module) -> Iterator[ast.Call]:
    """The calls that are made whenever the cell runs."""
    for statement in tree.body:
        if isinstance(statement, ast.Expr | ast.Assign | ast.AnnAssign | ast.AugAssign):
            for node in ast.walk(statement):
                if isinstance(node, ast.Lambda):
                    break
                if isinstance(node, ast.Call):
                    yield node


def _why_not(call: str, apps: Collection[str]) -> tuple[str, str] | None:
    """Why no run without a person can make this call, and what to do; None if it can."""
    owner, _, last = call.rpartition(".")
    if call in {"input", "getpass", "getpass.getpass"}:
        return "a run without a person has no keyboard", "assign a value in its place"
    if call in {"exit", "quit", "os._exit"}:
        return "that ends the kernel: no cell below it would run", "take it out"
    if call in _SERVING or last in {"serve_forever", "run_forever", "run_server"} or (last == "run" and owner in apps):
        return "that serves until somebody stops it: the run would never end", (
            "serve from a script of its own, with what the notebook makes: mlops.results(RUN)")
    return None


def _apps(tree: ast.Module) -> Iterator[str]:
    """Names that hold a web application."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=made)):
                if ast.unparse(made).rpartition(".")[2] in {"Flask", "Dash", "Bottle", "Sanic", "Quart"}:
                    yield name


def _text(path: Path) -> str:
    try:
        must_be_a_file(path, "give the path of an .ipynb file")
        data = path.read_bytes()
    except FileNotFoundError:
        raise NotFoundError(f"there is no notebook {path}", "check the path; `ls *.ipynb` lists those in this folder") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{str(path)!r} cannot be read: {getattr(error, 'strerror', '') or error}",
                         "give the path of an .ipynb file") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8: byte {data[error.start]:#04x} at offset {error.start}",
                         f"convert it: iconv -f LATIN1 -t UTF-8 {path}, or save it again from JupyterLab") from None


def _document(path: Path, text: str) -> dict[str, object]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(CONFLICT):
            raise InputError(f"{path} holds a git conflict marker on line {number}: {line.strip()}",
                             f"settle the merge first: git checkout --ours {path}, --theirs, or nbdime")
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{path} is not a notebook: it is not JSON ({error})",
                         "give the path of an .ipynb file, as JupyterLab saves it") from None
    if not isinstance(document, dict):
        raise InputError(f"{path} is not a notebook: it holds a JSON {type(document).__name__}, not an object",
                         "give the path of an .ipynb file")
    return document


def _check_format(path: Path, document: dict[str, object]) -> None:
    version = document.get("nbformat")
    if not isinstance(version, int):
        raise InputError(f"{path} is not a notebook: it has no nbformat number (found {version!r})",
                         "give the path of an .ipynb file")
    if version < 4:
        raise InputError(f"{path} is a notebook of format {version}; format 4 is needed",
                         f"jupyter nbconvert --to notebook --nbformat 4 --inplace {path}")
    if version > 4:
        raise InputError(f"{path} is a notebook of format {version}; this version knows format 4",
                         "pip install -U nbformat mlops_jupyter, or save the notebook in format 4")
    if not isinstance(document.get("cells"), list):
        raise InputError(f"{path} is not a notebook: it has no list of cells", "open it in JupyterLab and save it again")
    document.setdefault("metadata", {})
    document.setdefault("nbformat_minor", 0)


def _check_ids(path: Path, document: dict[str, object]) -> None:
    seen: dict[str, int] = {}
    cells = document["cells"]
    assert isinstance(cells, list)
    for place, cell in enumerate(cells, 1):
        if not isinstance(cell, dict):
            raise InputError(f"{path}: cell {place} is a {type(cell).__name__}, not an object",
                             "open it in JupyterLab and save it again")
        identity = cell.get("id")
        if isinstance(identity, str) and identity in seen:
            raise InputError(f"{path}: cells {seen[identity]} and {place} have the same id {identity!r}",
                             "open it in JupyterLab and save it: one of the two gets a new id")
        if isinstance(identity, str):
            seen[identity] = place
