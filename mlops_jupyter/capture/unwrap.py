"""Magics in a transformed cell: which ones hold user code, which do nothing to names, and which could do anything.

IPython rewrites `%name line` to `get_ipython().run_line_magic('name', 'line')`; this file reads such calls back. Code under
`%%time` and its kin is parsed and analysed as if it stood in the cell itself. A magic that is not known makes the cell opaque.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, field

Transform = Callable[[str], str]

INLINE = frozenset({"time", "prun", "capture", "memit", "mprun", "lprun", "notify", "heat"})
"""Run their body in the user's namespace, once."""
REPEATED = frozenset({"timeit"})
"""Run their body as a function's, many times: its assignments stay inside."""
HARMLESS = frozenset({
    "alias", "alias_magic", "autoawait", "autocall", "autoindent", "automagic", "autoreload", "autosave", "blackcellmagic",
    "bookmark", "cat", "cd", "clear", "colors", "colours", "conda", "config", "connect_info", "debug", "dhist", "dirs",
    "doctest_mode", "env", "file", "gui", "hist", "history", "html", "javascript", "js", "killbgscripts", "latex", "ldir",
    "less", "ll", "load", "load_ext", "logoff", "logon", "logstart", "logstate", "logstop", "ls", "lsmagic", "lx", "macro",
    "magic", "mamba", "man", "markdown", "matplotlib", "micromamba", "mkdir", "mlops", "more", "mv", "nb_black", "notebook",
    "page", "pastebin", "pdb", "pdef", "pdoc", "pfile", "pinfo", "pinfo2", "pip", "popd", "pprint", "precision", "profile",
    "psearch", "psource", "pushd", "pwd", "pycat", "pytest", "qtconsole", "quickref", "recall", "recall_off", "reload_ext",
    "rep", "reset", "reset_selective", "rm", "rmdir", "save", "sc", "set_env", "subshell", "svg", "tb", "unalias",
    "unload_ext", "uv", "who", "whos", "writefile", "xdel", "xmode",
})
PROCESS = frozenset({"bash", "sh", "script", "sx", "system", "perl", "ruby", "python", "python2", "python3", "pypy", "cmd", "!"})
"""Start a process: it cannot reach the namespace, except through `--out` and `--err`."""
OURS = frozenset({"mlops"})
_OURS_LINE = re.compile(r"^\s*(?:%load_ext\s+mlops_jupyter|%reload_ext\s+mlops_jupyter|%mlops\b.*|#.*)?\s*$")
_SKIP = re.compile(r"^\s*%%mlops\s+skip\b")
_WORD = re.compile(r"[A-Za-z_]\w*")
_RESTORES = re.compile(r"(?:^|\s)-[a-z]*r")
_EXPANDED = re.compile(r"\$\w+|\{[^{}]*\}")


@dataclass
class Unwrapped:
    """A cell without its magics. `tree` runs in the namespace; `inner` trees run in a scope of their own."""

    tree: ast.Module
    inner: list[ast.Module] = field(default_factory=list)
    stores: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    opaque: list[str] = field(default_factory=list)
    magics: set[str] = field(default_factory=set)
    """All that stand in it, by name."""
    calls: set[ast.AST] = field(default_factory=set)
    """The magic calls themselves: `get_ipython()` in them is not the user's."""


def is_skip(source: str) -> bool:
    """True for a `%%mlops skip` cell."""
    return _SKIP.match(source) is not None


def is_ours(source: str) -> bool:
    """True if the cell holds nothing but our own magics and comments."""
    if re.match(r"^\s*%%mlops\b", source):
        return True
    lines = source.splitlines()
    return any(line.strip() and not line.lstrip().startswith("#") for line in lines) and all(map(_OURS_LINE.match, lines))


def unwrap(tree: ast.Module, transform: Transform) -> Unwrapped:
    """Replace the magics of `tree` by the code they run. `transform` is the shell's `transform_cell`."""
    found = Unwrapped(ast.Module(body=[], type_ignores=[]))
    for statement in tree.body:
        found.tree.body.extend(_statement(statement, found, transform))
    return found


def _statement(statement: ast.stmt, found: Unwrapped, transform: Transform) -> list[ast.stmt]:
    body: list[ast.stmt] = [statement]
    for node in ast.walk(statement):
        call = _magic(node)
        if call is None:
            continue
        found.calls.add(node)
        kind, name, line, cell = call
        if kind in {"system", "getoutput", "getoutput_magic"}:
            found.words.update(_WORD.findall(line))
        else:
            body.extend(_run_magic(name, line, cell, found, transform))
    return body


def _run_magic(name: str, line: str, cell: str | None, found: Unwrapped, transform: Transform) -> list[ast.stmt]:
    found.magics.add(name)
    if name not in OURS:
        holds_code = name in INLINE or name in REPEATED  # analysed as such below; only what IPython expands is looked up before
        found.words.update(_WORD.findall(" ".join(_EXPANDED.findall(line)) if holds_code else line))
    code = line if cell is None else cell
    if name in INLINE or name in REPEATED or (name in OURS and cell is not None and line.split()[:1] == ["skip"]):
        if name == "capture" and cell is not None:
            found.stores.update(word for word in line.split() if word.isidentifier())
        options, source = ("", _without_options(code)) if cell is None else (line, code)
        try:
            inner = unwrap(ast.parse(transform(source)), transform)
            setup = ast.parse(transform(_without_options(options))) if name in REPEATED and options else None
        except SyntaxError:
            found.opaque.append(f"%{name} holds code that does not parse")
            return []
        for attribute in ("stores", "words", "calls", "magics"):
            getattr(found, attribute).update(getattr(inner, attribute))
        found.opaque.extend(inner.opaque)
        if name in REPEATED:
            found.inner.extend([*inner.inner, *([setup] if setup else []), inner.tree])
            return []
        found.inner.extend(inner.inner)
        return inner.tree.body
    if name == "store" and not _RESTORES.search(line):
        return []  # keeps the variables that it names, or lists them
    if name in PROCESS:
        found.stores.update(re.findall(r"--(?:out|err|proc)[ =](\w+)", line))
        found.words.update(_WORD.findall(cell or ""))
    elif name not in HARMLESS and name not in OURS:
        found.opaque.append(f"%run {line.partition(' ')[0]}" if name == "run" else f"unknown magic %{name}")
    return []


def _without_options(line: str) -> str:
    """The code of `-n 3 -r 2 f(x)`: leading options and their values left out."""
    rest = line.strip()
    while match := re.match(r"-(?:[nrsltT]\s*\S+|-?[A-Za-z][\w-]*)\s*", rest):
        rest = rest[match.end():]
    return rest


def _magic(node: ast.AST) -> tuple[str, str, str, str | None] | None:
    """(kind, magic name, line, cell body) of a `get_ipython().<kind>(…)` call with literal arguments."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and is_get_ipython(node.func.value)):
        return None
    texts = [argument.value if isinstance(argument, ast.Constant) else None for argument in node.args]
    if not texts or not all(isinstance(text, str) for text in texts):
        return None
    words = [str(text) for text in texts]
    kind = node.func.attr
    if kind == "run_line_magic" and len(words) >= 2:
        return kind, words[0], words[1], None
    if kind == "run_cell_magic" and len(words) == 3:
        return kind, words[0], words[1], words[2]
    if kind in {"system", "getoutput"}:
        return kind, kind, words[0], None
    return None


def is_get_ipython(node: ast.AST) -> bool:
    """True for the expression `get_ipython()`."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "get_ipython"
