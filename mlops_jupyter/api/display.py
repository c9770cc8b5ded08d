"""What an answer looks like: one small table type that a terminal, a notebook and plain text can all show.

A `Sheet` holds text only. It is escaped where it becomes HTML and handed to rich as literal text where it becomes a
terminal table, so that stored content (a cell's source, a metric's name) is inert everywhere. No script, no style sheet,
no link: it looks the same in a trusted and in an untrusted notebook.
"""

from __future__ import annotations

import html
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
    from rich.text import Text

Align = Literal["left", "right"]
PLAIN_WIDTH = 140
_ALIGN: dict[str, Align] = {"<": "left", ">": "right", "~": "left"}


class Block(msgspec.Struct):
    """A table, or, without columns, some lines of text or code under a heading."""

    title: str = ""
    columns: list[str] = []
    """Headings; a leading `>` aligns the column to the right, a leading `~` cuts its lines where others would be folded."""
    rows: list[list[str]] = []
    text: str = ""
    code: bool = False
    narrow: Block | None = None
    """The same for a terminal that this is too wide for."""


class Sheet(msgspec.Struct):
    """An answer for a person: a headline, blocks, and notes that say what to do next."""

    headline: str = ""
    blocks: list[Block] = []
    notes: list[str] = []

    def __rich__(self) -> RenderableType:
        """As rich shows it in a terminal."""
        from rich.console import Group

        parts: list[RenderableType] = []
        if self.headline:
            parts.append(_literal(self.headline, "bold"))
        parts += [_Fitting(block) for block in self.blocks]
        parts += [_literal(note, "dim") for note in self.notes]
        return Group(*parts)

    def text(self, width: int = PLAIN_WIDTH) -> str:
        """As plain text, without colours."""
        from rich.console import Console

        out = io.StringIO()
        Console(file=out, width=width, color_system=None, highlight=False, legacy_windows=False).print(self)
        return "\n".join(line.rstrip() for line in out.getvalue().rstrip("\n").split("\n"))

    def html(self) -> str:
        """As HTML without scripts, styles or links; every text escaped."""
        parts = [f"<p><strong>{html.escape(self.headline)}</strong></p>"] if self.headline else []
        parts += [_html_block(block) for block in self.blocks]
        parts += [f"<p><small>{html.escape(note)}</small></p>" for note in self.notes]
        return "\n".join(parts)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": self.text(), "text/html": self.html()}


def _split(column: str) -> tuple[str, Align]:
    return (column[1:], _ALIGN[column[0]]) if column[:1] in _ALIGN else (column, "left")


_CONTROL = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}
_UNBOUNDED = 10_000


def _literal(text: str, style: str = "") -> Text:
    """Text as it is: no markup, and no control sequence that the terminal would obey."""
    from rich.text import Text

    return Text(text.translate(_CONTROL), style=style)


class _Fitting:
    """A block, or its narrow form where the terminal has not the room for it."""

    def __init__(self, block: Block) -> None:
        self.block = block

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wide, narrow = _rich_block(self.block), self.block.narrow
        needs = console.measure(wide, options=options.update(max_width=_UNBOUNDED)).maximum
        yield wide if narrow is None or needs <= options.max_width else _rich_block(narrow)


def _rich_block(block: Block) -> RenderableType:
    from rich import box
    from rich.console import Group
    from rich.padding import Padding
    from rich.table import Table

    title: list[RenderableType] = [_literal(block.title, "bold")] if block.title else []
    if not block.columns:
        return Group(*title, Padding(_literal(block.text), (0, 0, 0, 2)))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_header=any(block.columns))
    for column in block.columns:
        name, align = _split(column)
        table.add_column(_literal(name), justify=align, overflow="fold")
    for row in block.rows:
        cells = [_literal(cell) for cell in row]
        for cell, column in zip(cells, block.columns, strict=True):
            if column.startswith("~"):
                cell.no_wrap, cell.overflow = True, "ellipsis"
        table.add_row(*cells)
    return Group(*title, table)


def _html_block(block: Block) -> str:
    title = f"<p><strong>{html.escape(block.title)}</strong></p>" if block.title else ""
    if not block.columns:
        return f"{title}<pre>{html.escape(block.text)}</pre>"
    heads = [_split(column) for column in block.columns]
    if not any(block.columns):
        body = "".join(f"<tr>{_html_row(row, heads)}</tr>" for row in block.rows)
        return f"{title}<table><tbody>{body}</tbody></table>"
    head = "".join(f'<th align="{align}">{html.escape(name)}</th>' for name, align in heads)
    body = "".join(f"<tr>{_html_row(row, heads)}</tr>" for row in block.rows)
    return f"{title}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _html_row(row: Sequence[str], heads: Sequence[tuple[str, Align]]) -> str:
    cells = zip(row, heads, strict=True)
    return "".join(f'<td align="{align}">{html.escape(cell).replace(chr(10), "<br>")}</td>' for cell, (_, align) in cells)


def console(*, stderr: bool = False) -> Console:
    """The terminal; wide where it is a pipe, so that nothing is folded that a program reads."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    known = stream.isatty() or "COLUMNS" in os.environ
    return Console(file=stream, highlight=False, width=None if known else PLAIN_WIDTH)


def show(sheet: Sheet) -> None:
    """Show in the kernel we run in: HTML in a notebook, text in plain IPython."""
    from IPython.display import display

    display(sheet)


def as_json(answer: object) -> str:
    """`answer` as JSON text, entities with every field they have, so that a reader never meets a missing key."""
    return msgspec.json.format(msgspec.json.encode(full(answer)), indent=2).decode()


def full(value: object) -> object:
    """`value` with every struct in it as a dictionary of all its fields, those at their default included."""
    if isinstance(value, msgspec.Struct):
        return {field.encode_name: full(getattr(value, field.name)) for field in msgspec.structs.fields(value)}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, dict):
        return {key: full(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [full(entry) for entry in value]
    return value
