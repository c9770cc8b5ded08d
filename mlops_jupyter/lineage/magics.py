"""Magics that run code of the cell's own: `%%time`, `%timeit`, `%%capture` and their kin, read as the code that they run.

What `%%timeit` binds stays inside, and what fails under `%%capture` fails silently: both are read as a branch that may not be
taken. Other magics are left as they are.
"""

from __future__ import annotations

import re
import textwrap

_CELL = re.compile(r"\s*%%(time|prun|memit|notify|heat|timeit|capture)\b([^\n]*)\n(.*)", re.DOTALL)
_LINE = re.compile(r"^([ \t]*)%(time|prun|memit|timeit)\b[ \t]*(.*)$", re.MULTILINE)
_OPTION = re.compile(r"-(?:[nrsltTpc]\s*\S+|-?[A-Za-z][\w-]*)\s*")


def plain(source: str) -> str:
    """`source` with the code that such magics run in their place."""
    if "%" not in source:
        return source
    cell = _CELL.match(source)
    if cell is None:
        return _LINE.sub(_of_line, source)
    magic, line, body = cell[1], cell[2].strip(), plain(cell[3])
    if magic == "timeit":
        return _branch(f"{_without_options(line)}\n{body}")
    if magic == "capture":
        names = [word for word in line.split() if word.isidentifier()]
        return "\n".join([_branch(body), *(f"{name} = object()" for name in names)])
    return body


def _of_line(match: re.Match[str]) -> str:
    indent, magic, code = match[1], match[2], _without_options(match[3])
    return textwrap.indent(_branch(code) if magic == "timeit" else code or "pass", indent)


def _branch(code: str) -> str:
    """Code that may not run to its end, and what it binds may not be bound."""
    return f"while __debug__:\n{textwrap.indent(code, '    ')}\n    pass"


def _without_options(line: str) -> str:
    rest = line.strip()
    while match := _OPTION.match(rest):
        rest = rest[match.end():]
    return rest
