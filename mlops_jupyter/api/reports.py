"""`mlops report`: one HTML page of a run, for somebody who has none of this: how the number came about, and whether it holds.

The page is one file without a script, a link or anything from elsewhere; its own policy forbids them. Every text is escaped;
pictures are shown only if their bytes are a PNG or a JPEG, whatever the record says of them.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path, PurePath

from mlops_jupyter.api.display import Sheet
from mlops_jupyter.api.here import with_source
from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.api.live import reasons
from mlops_jupyter.api.runs import find_run, row
from mlops_jupyter.api.sheets import run_sheet
from mlops_jupyter.api.words import changed, duration, plural, when
from mlops_jupyter.entities import (
    CellExecution,
    ConflictError,
    InputError,
    Ledger,
    NotFoundError,
    Output,
    StoreError,
    new_id,
)
from mlops_jupyter.version import __version__

PICTURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
PICTURE_BYTES = 4 * 2**20
TEXT_CHARACTERS = 20_000
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --code: #8881; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.1rem; margin-top: 2rem; border-bottom: 1px solid var(--line); }
.sub { opacity: .7; margin-top: .2rem; }
table { border-collapse: collapse; display: block; margin-bottom: 1.2rem; overflow-x: auto; }
td, th { padding: .15rem .8rem .15rem 0; vertical-align: top; border-bottom: 1px solid var(--soft); }
pre { background: var(--code); padding: .6rem .8rem; overflow-x: auto; margin: .4rem 0; border-radius: 4px; font-size: 13px;
  white-space: pre; }
pre.code, pre.error { white-space: pre-wrap; overflow-wrap: anywhere; }
pre.code { border-left: 3px solid #4a80f5; } pre.error { border-left: 3px solid #d0454c; }
.cell { margin: 1.2rem 0; } .why { font-size: 13px; opacity: .7; } img { max-width: 100%; background: white; }
@media print { body { margin: 0; max-width: none; } .cell { break-inside: avoid; } }
"""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def report(run: str, path: Path | None = None, *, outputs: bool = True, force: bool = False) -> Path:
    """Write the page of a run (id, prefix, `#number`); without `path`, to `EXPERIMENT-NUMBER.html` here. Where it is."""
    ledger = open_ledger()
    found = row(find_run(ledger, run).id)
    name = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in found.run.experiment) or "run"
    target = path or Path(f"{name}-{found.run.number}.html")
    if target.exists() and not force:
        raise ConflictError(f"{target} exists already", "choose another name with -o, or add --force")
    temporary = target.with_name(f".{target.name}.{new_id()}")
    try:
        temporary.write_text(page(ledger, found.run.id, outputs=outputs), encoding="utf-8", errors="backslashreplace")
        temporary.replace(target)
    except OSError as error:
        raise InputError(f"{target} cannot be written: {error.strerror}", "choose a folder of yours with -o") from None
    finally:
        temporary.unlink(missing_ok=True)
    return target


def page(ledger: Ledger, id: str, *, outputs: bool = True) -> str:
    """The page as HTML."""
    found = row(id)
    run = found.run
    executions, observations = ledger.executions(run.session), ledger.observations(run.session)
    because = reasons(run, executions, observations)
    needed = with_source(executions, run.cells)
    blocks = sorted(run_sheet(found).blocks, key=lambda block: block.title != "metrics")  # what a reader came for
    title = f"{run.experiment} #{run.number} {changed(run)}".rstrip()
    ran = sum(one.state in ("ok", "error", "interrupted") for one in executions)
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        f'<p class="sub">{html.escape(_subtitle(run.notebook, run.started, found.python, found.packages))}</p>',
        Sheet(blocks=blocks).html(),
        f"<h2>The {plural(len(needed), 'cell')} that made it, of {ran} that ran</h2>",
        *(["<p>Some of them ran before tracking began: the list is incomplete.</p>"] if run.incomplete else []),
        *(_cell(ledger, one, because.get(one.n, []), outputs=outputs) for one in needed),
        f'<p class="sub">Made by mlops_jupyter {html.escape(__version__)}. Run {html.escape(run.id)}.</p>',
    ]
    return (f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
            f'<meta name="viewport" content="width=device-width"><title>{html.escape(title)}</title>'
            f"<style>{_STYLE}</style></head><body>\n" + "\n".join(parts) + "\n</body></html>\n")


def _subtitle(notebook: str, started: float, python: str, packages: int) -> str:
    words = [PurePath(notebook).name, when(started), f"Python {python}" if python else ""]
    words += [plural(packages, "package")] if packages else []
    return " · ".join(word for word in words if word)


def _cell(ledger: Ledger, cell: CellExecution, because: Sequence[str], *, outputs: bool) -> str:
    took = f", {duration(cell.seconds)}" if cell.seconds is not None else ""
    why = f": {', '.join(because)}" if because else ""
    parts = [f'<div class="why">[{cell.n}]{html.escape(took + why)}</div>', f'<pre class="code">{html.escape(cell.source)}</pre>']
    if outputs:
        parts += [_output(ledger, output) for output in cell.outputs]
        if cell.outputs_dropped:
            parts.append(f'<div class="why">{plural(cell.outputs_dropped, "more output")} not kept</div>')
    return f'<div class="cell">{"".join(parts)}</div>'


def _output(ledger: Ledger, output: Output) -> str:
    if output.blob is not None:
        return _picture(ledger, output.blob, output.mime)
    text = output.text[:TEXT_CHARACTERS]
    cut = f"\n… {len(output.text) - TEXT_CHARACTERS} characters more" if len(output.text) > TEXT_CHARACTERS else ""
    kind = ' class="error"' if output.kind == "error" or output.name == "stderr" else ""
    return f"<pre{kind}>{html.escape(text + cut)}</pre>" if text.strip() else ""


def _picture(ledger: Ledger, digest: str, mime: str) -> str:
    try:
        data = ledger.get_blob(digest)
    except (NotFoundError, StoreError) as error:
        return f'<div class="why">{html.escape(error.what)}</div>'
    known = next((kind for start, kind in PICTURES.items() if data.startswith(start)), None)
    if known is None or len(data) > PICTURE_BYTES:
        return f'<div class="why">{html.escape(mime)}, {len(data)} bytes, not shown</div>'
    return f'<img alt="" src="data:{known};base64,{base64.b64encode(data).decode()}">'
