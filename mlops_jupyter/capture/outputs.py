"""What a cell shows, as records, without changing what the user sees.

While cells run, four callables are shadowed on the instances that IPython uses: `write` of the two streams,
`publish` of the display publisher, `write_format_data` of the display hook. Each shadow calls the original with the very
arguments and notes a copy of what passed. This works the same in ipykernel and in plain IPython, sees results without any
second `repr`, and is undone when the last of them ends. Inside `%%capture` nothing reaches the user, and nothing is noted.
"""

from __future__ import annotations

import base64
import binascii
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, Protocol

from mlops_jupyter.capture.kinds import is_a
from mlops_jupyter.capture.unseen import leave
from mlops_jupyter.entities.sessions import Output, OutputPolicy

PICTURES = ("image/png", "image/jpeg", "image/svg+xml")
_STEPS_KEPT = 4096
"""Writes kept apart before they are joined: `print` in a loop makes two per line."""
_BEYOND = 8192
"""Characters read beyond a cap, so that a secret is found whole before the text is cut inside it."""


class Shell(Protocol):
    """The two parts of an IPython shell that outputs pass through."""

    display_pub: object
    displayhook: object


@dataclass(frozen=True)
class Caps:
    """Most that is kept: characters of one text, bytes of one picture, outputs of one cell."""

    characters: int
    picture: int
    outputs: int


@dataclass
class _Stream:
    name: str
    parts: list[str] = field(default_factory=list)
    kept: int = 0
    length: int = 0


@dataclass
class _Bundle:
    kind: Literal["result", "display"]
    data: dict[str, object]
    display_id: str = ""


class Tap:
    """The shadows of one shell, there while some cell runs. What passes goes to the cell of the thread that shows it."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._cells: list[Outputs] = []
        self._quiet = threading.local()
        self._undo: list[Callable[[], None]] = []
        self._removed = False

    def open(self, outputs: Outputs) -> None:
        """A cell runs: it gets what its thread shows, and what threads without a cell show while it is the newest."""
        if self._removed:
            return
        self._cells.append(outputs)
        if self._undo:
            return
        for name, stream in (("stdout", sys.stdout), ("stderr", sys.stderr)):
            self._shadow(stream, "write", self._writer(name))
        self._shadow(self._shell.display_pub, "publish", self._publisher)
        self._shadow(self._shell.displayhook, "write_format_data", self._formatter)

    def close(self, outputs: Outputs) -> None:
        """The cell has ended. With the last one the shadows go."""
        self._cells = [one for one in self._cells if one is not outputs]
        if not self._cells:
            self._take_back()

    def drop(self) -> None:
        """The cells of this thread note no more; with the last one of all the shadows go."""
        thread = threading.get_ident()
        self._cells = [one for one in self._cells if one.thread != thread]
        if not self._cells:
            self._take_back()

    def remove(self) -> None:
        """The session ends: no shadow stays or comes, whatever cells are open."""
        self._removed = True
        self._take_back()

    def _cell(self) -> Outputs | None:
        thread = threading.get_ident()
        return next((one for one in reversed(self._cells) if one.thread == thread), self._cells[-1] if self._cells else None)

    def _shadow(self, owner: object, name: str, make: Callable[[Callable[..., object]], Callable[..., object]]) -> None:
        original = getattr(owner, name, None)
        before = getattr(owner, "__dict__", {}).get(name)
        if not callable(original):
            return
        shadow = make(original)

        def undo() -> None:
            with suppress(AttributeError):
                if getattr(owner, "__dict__", {}).get(name) is shadow:
                    if before is None:
                        delattr(owner, name)
                    else:
                        setattr(owner, name, before)

        self._undo.append(undo)  # first: an interrupt between the two leaves nothing that is not undone
        with suppress(AttributeError, TypeError):  # an object without room for attributes goes unseen
            setattr(owner, name, shadow)

    def _take_back(self) -> None:
        while self._undo:
            self._undo[-1]()
            self._undo.pop()

    # the shadows: call the original first, then note; noting cannot fail, and asks no object of the user's

    def _writer(self, name: str) -> Callable[[Callable[..., object]], Callable[..., object]]:
        def make(original: Callable[..., object]) -> Callable[..., object]:
            def write(data: object, *args: object, **kwargs: object) -> object:
                try:
                    result = original(data, *args, **kwargs)
                except BaseException as error:
                    leave(error)
                    raise
                if is_a(data, str) and not self._depth() and not self._is_ipythons_own():
                    self._note(lambda cell: cell.text(name, data if type(data) is str else str.__str__(data)))
                return result

            return _named_as(original, write)

        return make

    def _is_ipythons_own(self) -> bool:
        """Plain IPython prints the prompts of results and the tracebacks of errors through the stream."""
        return bool(getattr(self._shell.displayhook, "is_active", False) or getattr(self._shell, "showing_traceback", False))

    def _depth(self, step: int = 0) -> int:
        self._quiet.depth = getattr(self._quiet, "depth", 0) + step
        return int(self._quiet.depth)

    def _publisher(self, original: Callable[..., object]) -> Callable[..., object]:
        def publish(*args: object, **kwargs: object) -> object:
            self._depth(1)
            try:
                return original(*args, **kwargs)
            except BaseException as error:
                leave(error)
                raise
            finally:
                self._depth(-1)
                transient = kwargs.get("transient")
                shown = transient.get("display_id") if type(transient) is dict else ""
                data = kwargs.get("data", args[0] if args else None)
                self._bundle("display", data, shown, update=kwargs.get("update") is True)

        return _named_as(original, publish)

    def _formatter(self, original: Callable[..., object]) -> Callable[..., object]:
        def write_format_data(format_dict: object, *args: object, **kwargs: object) -> object:
            self._depth(1)
            try:
                return original(format_dict, *args, **kwargs)
            except BaseException as error:
                leave(error)
                raise
            finally:
                self._depth(-1)
                self._bundle("result", format_dict, "", update=False)

        return _named_as(original, write_format_data)

    def _bundle(self, kind: Literal["result", "display"], data: object, display_id: object, *, update: bool) -> None:
        if type(data) is dict:
            shown = display_id if type(display_id) is str else ""
            self._note(lambda cell: cell.bundle(kind, data, shown, update=update))

    def _note(self, note: Callable[[Outputs], None]) -> None:
        """Let the cell note something. If it cannot, it notes no more: the user's `print` has nothing to do with that."""
        cell = self._cell()
        if cell is None or cell.failed is not None:
            return
        try:
            note(cell)
        except Exception as error:  # noqa: BLE001 (raised again inside the fence, when the cell ends)
            cell.failed = error


def _named_as(original: Callable[..., object], shadow: Callable[..., object]) -> Callable[..., object]:
    for name in ("__name__", "__qualname__", "__module__", "__doc__"):
        try:
            setattr(shadow, name, getattr(original, name))
        except (AttributeError, TypeError):  # at every cell: `suppress` would cost more than all the rest of it
            continue
    return shadow


class Outputs:
    """The outputs of one cell that runs. `begin` and `end` around it, on the same thread."""

    def __init__(self, tap: Tap, policy: OutputPolicy, caps: Caps, keep: Callable[[bytes], str],
                 redact: Callable[[str], str]) -> None:
        self.thread = threading.get_ident()
        self._tap = tap
        self._policy = policy
        self._caps = caps
        self._keep = keep
        self._redact = redact
        self._items: list[_Stream | _Bundle] = []
        self._dropped = 0
        self.failed: Exception | None = None
        """Why it notes no more."""

    def begin(self) -> None:
        """Start to note."""
        if self._policy != "none":
            self._tap.open(self)

    def end(self) -> tuple[list[Output], int]:
        """Stop noting: (outputs, how many were dropped)."""
        self._tap.close(self)
        items, self._items = self._items, []
        if self.failed is not None:
            raise self.failed
        found = [output for item in items for output in self._outputs(item)]
        return found, self._dropped

    def text(self, name: str, data: str) -> None:
        """A piece of a stream."""
        last = self._items[-1] if self._items else None
        if not isinstance(last, _Stream) or last.name != name:
            if len(self._items) >= self._caps.outputs:
                self._dropped += 1
                return
            last = _Stream(name)
            self._items.append(last)
        last.length += len(data)
        room = self._caps.characters + _BEYOND - last.kept
        if room > 0:
            last.parts.append(data[:room])
            last.kept += min(len(data), room)
            if len(last.parts) > _STEPS_KEPT:
                last.parts = ["".join(last.parts)]

    def bundle(self, kind: Literal["result", "display"], data: dict[str, object], display_id: str, *, update: bool) -> None:
        """A result or a display; `update` of one with that id."""
        if update:
            for item in self._items:
                if isinstance(item, _Bundle) and display_id and item.display_id == display_id:
                    item.data = dict(data)
            return
        if len(self._items) >= self._caps.outputs:
            self._dropped += 1
            return
        self._items.append(_Bundle(kind, dict(data), display_id))

    # records

    def _outputs(self, item: _Stream | _Bundle) -> list[Output]:
        if isinstance(item, _Stream):
            text, cut = self._text_of("".join(item.parts), item.length)
            return [Output(kind="stream", text=text, name=item.name, cut_from=cut)]
        found: list[Output] = []
        picture = next((mime for mime in PICTURES if mime in item.data), None)
        if picture is not None and self._policy == "all":
            found.append(self._picture(item.kind, picture, item.data[picture]))
        for mime in ("text/plain", "text/markdown"):
            plain = item.data.get(mime)
            if type(plain) is str and not found:
                text, cut = self._text_of(plain[: self._caps.characters + _BEYOND], len(plain))
                found.append(Output(kind=item.kind, mime=mime, text=text, cut_from=cut))
                break
        return found

    def _text_of(self, text: str, length: int) -> tuple[str, int | None]:
        """(what is kept of a text, its length if that is not all): secrets out first, then cut."""
        most = self._caps.characters
        if length <= most:
            return self._redact(text), None
        return self._redact(text)[:most], length

    def _picture(self, kind: Literal["result", "display"], mime: str, data: object) -> Output:
        try:
            if isinstance(data, str):
                content = self._redact(data).encode() if mime == "image/svg+xml" else base64.b64decode(data)
            else:
                content = bytes(data) if isinstance(data, bytes | bytearray) else b""
        except (binascii.Error, ValueError):
            content = b""
        if not content or len(content) > self._caps.picture:
            return Output(kind=kind, mime=mime, cut_from=len(content))
        return Output(kind=kind, mime=mime, blob=self._keep(content))
