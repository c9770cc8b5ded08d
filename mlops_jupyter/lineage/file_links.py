"""Links through files: who wrote what a cell read, as far as paths, contents and clocks tell.

Capture sees most reads and writes. What a process, a database or an open handle wrote raised no event: then the file's time of
change says which cell ran at that moment, and a cell that starts a process counts as writing any file.
"""

from __future__ import annotations

import re
from bisect import bisect_right, insort
from collections.abc import Iterator

from mlops_jupyter.entities import FileAccess, Fingerprint
from mlops_jupyter.lineage.versions import ANY_FILE, Chains, Graph, Step, Unseen

_LISTS = re.compile(r"\b(?:ls|dir|find|tree|du)\b|\*")
CLOCK = 0.01
"""Seconds that a file's time of change may lag behind: kernels keep it in ticks."""


class FileLinks:
    """The part of the walk forward that is about files."""

    def __init__(self, graph: Graph, chains: Chains, known: Unseen) -> None:
        self.graph, self.state, self.chains, self.known = graph, graph.now, chains, known
        """`known`: what an earlier walk found."""
        self.keys: set[str] = set()
        self.unseen: set[str] = set()
        """Keys of files that, as they are by now, something beside Python wrote: the clock of each says which cell it was."""
        self.contents: dict[str, str] = {}
        """Digest → key of the file that holds it now."""
        self.times: list[tuple[float, float, int]] = []
        """Start, end and n of the executions so far, by start."""
        self.longest = 0.0

    def read(self, step: Step) -> None:
        """Link the files that the execution read to those who wrote them."""
        if step.text.looks_at_files or starts_process(step):
            for key in self.keys - step.reads.keys():
                if not self._made_once(key):
                    step.reads[key] = self.state[key]
                    step.unsure |= set() if step.text.looks_at_files else {key}
        for access in step.execution.files:
            if access.mode != "read":
                continue
            key = file_key(access)
            if step.n >= 0 and key in self.unseen and self._read_unseen(step, access):
                continue
            self._read_modified(step, access)
            if self._made_once(key) or self._read_copy(step, key, access):
                continue
            self._read_unseen(step, access)

    def write(self, step: Step) -> None:
        """The files that the execution wrote have a new version."""
        if starts_process(step):
            self._write(step, ANY_FILE, rests=True)
        both = {file_key(access) for access in step.execution.files if access.mode == "read"}
        for access in step.execution.files:
            if access.mode == "write":
                key = file_key(access)
                self._write(step, key, rests=key in both or not step.text.overwrites, fingerprint=access.fingerprint)
                self.unseen.discard(key)
        for key, fingerprint in self.known.of(step).items():
            if key not in step.writes:
                self.unseen.add(key)
                self._write(step, key, rests=False, fingerprint=fingerprint)

    def ran(self, step: Step) -> None:
        """The execution is over: files may have changed while it ran."""
        first, last = step.execution.started, step.execution.ended
        if first is not None and last is not None and not step.text.looks_first:
            insort(self.times, (first, last, step.n))
            self.longest = max(self.longest, last - first)

    def _write(self, step: Step, key: str, *, rests: bool, fingerprint: Fingerprint | None = None) -> None:
        before = self.state.get(key) if rests else None
        if before is not None and before.n == step.n:
            before = before.previous
        version = self.chains.version(key, step.n, before, fingerprint)
        step.writes[key] = self.state[key] = version
        self.keys.add(key)
        if fingerprint is not None and fingerprint.digest is not None:
            self.contents[fingerprint.digest] = key

    def _made_once(self, key: str) -> bool:
        """True if the file was written by a cell that writes it only where it is absent: an input, not a product (decision 3)."""
        version = self.state.get(key)
        return version is not None and self.graph.steps[version.n].text.looks_first

    def _read_copy(self, step: Step, key: str, access: FileAccess) -> bool:
        """The file as it was last written, else another with the same content."""
        if key not in self.state:
            step.absent.add(key)
            key = self.contents.get(access.fingerprint.digest or "", "")
            version = self.state.get(key)
            if version is None or version.fingerprint is None or not version.fingerprint.same_as(access.fingerprint):
                return False
        step.reads.setdefault(key, self.state[key])
        return True

    def _read_unseen(self, step: Step, access: FileAccess) -> bool:
        """A file that changed while an earlier cell ran was written by it, though capture saw no write. Was there one?"""
        key, found = file_key(access), False
        for one in self._running_at(access.modified, slack=0.0):
            made = one.writes.setdefault(key, self.chains.version(key, one.n, None, access.fingerprint))
            step.reads[key] = self.state[key] = made
            self.graph.unseen.add(one, key, access.fingerprint)
            self.keys.add(key)
            self.unseen.add(key)
            found = True
        if found:
            step.absent.discard(key)
        return found

    def _read_modified(self, step: Step, access: FileAccess) -> None:
        """A file that an earlier cell opened may have got its content later, through the open handle."""
        key = file_key(access)
        version = self.state.get(key)
        if version is None or access.modified is None or _ran_at(self.graph.steps[version.n], access.modified):
            return
        for one in self._running_at(access.modified, slack=CLOCK):
            if one.n != version.n:
                step.reads[f"{key} {one.n}"] = self.chains.version(key, one.n, version)

    def _running_at(self, moment: float | None, slack: float) -> Iterator[Step]:
        """The executions that ran at that moment, or so shortly after that the file's clock may not have moved on."""
        if moment is None:
            return
        at = bisect_right(self.times, (moment + slack, float("inf"), 0))
        while at and self.times[at - 1][0] >= moment - self.longest:
            at -= 1
            if self.times[at][1] >= moment:
                yield self.graph.steps[self.times[at][2]]


def starts_process(step: Step) -> bool:
    """True if the cell started a process or opened a database: files that it made there raised no event of Python's."""
    return step.text.starts_process or any(effect.startswith(("process", "database")) for effect in step.execution.effects)


def lists_files(step: Step) -> bool:
    """True if the cell, or a command that it gives to the shell, looks which files there are."""
    return step.text.looks_at_files or (starts_process(step) and _LISTS.search(step.execution.source) is not None)


def file_key(access: FileAccess) -> str:
    """The key of a file's versions."""
    return f"$file {access.relative or access.path}"


def _ran_at(step: Step, moment: float) -> bool:
    first, last = step.execution.started, step.execution.ended
    return first is not None and last is not None and first - CLOCK <= moment <= last
