"""Observations on their way: from a draft to a record, with the name and the fingerprint that are known only when the cell ends.

What the user logs is recorded at once. What was seen waits for the end of the cell: only then do `model = …` and `auc = …`
have their names. The objects are let go then. Outside any cell (a callback, a widget) there is nothing to wait for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from mlops_jupyter.capture.namespace import IGNORED
from mlops_jupyter.capture.observer import Draft
from mlops_jupyter.capture.tracker import Tracker
from mlops_jupyter.entities.data import Scalar
from mlops_jupyter.entities.protocols import Recorder
from mlops_jupyter.entities.sessions import CallSite, Observation, VariableVersion
from mlops_jupyter.fingerprint import fingerprint


class Notes:
    """Takes drafts of one session, on any thread."""

    def __init__(self, tracker: Tracker, recorder: Recorder, redact: Callable[[str], str],
                 namespace: Mapping[str, object]) -> None:
        self._tracker = tracker
        self._recorder = recorder
        self._redact = redact
        self._namespace = namespace
        self._waiting: list[tuple[Observation, Draft]] = []
        self._lock = threading.Lock()
        self.count = 0

    def take(self, draft: Draft, *, at_once: bool = False) -> Observation:
        """Number the draft; record it now if the user said it, or if no cell runs that it could wait for."""
        thread = threading.get_ident()
        with self._lock:
            observation = self._clean(self._tracker.observation(draft, time.time(), thread))
            self.count += 1
            if not (at_once or draft.logged) and self._tracker.busy():
                self._waiting.append((observation, draft))
                return observation
        observation = self._complete(observation, draft, {})
        self._recorder.record(observation)
        return observation

    def flush(self, writes: Sequence[VariableVersion]) -> list[Observation]:
        """The cell has ended with these writes: complete what waits, record it, let the objects go."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        known = {write.name: write for write in writes}
        completed = [self._complete(observation, draft, known) for observation, draft in waiting]
        for observation in completed:
            self._recorder.record(observation)
        return completed

    def _complete(self, observation: Observation, draft: Draft, writes: Mapping[str, VariableVersion]) -> Observation:
        if draft.later is not None:
            told = {name: self._redact(text) for name, text in draft.later().items()}
            observation = msgspec.structs.replace(observation, details={**observation.details, **told})
        subject = draft.subject
        if subject is None:
            return observation
        name = observation.variable or self.name_of(subject)
        found = observation.fingerprint
        if found is None and observation.kind == "model":
            found = writes[name].fingerprint if name in writes else fingerprint(subject)
        return msgspec.structs.replace(observation, variable=name, fingerprint=found)

    def name_of(self, value: object) -> str:
        """The newest name that holds this very object; small numbers and the like are shared, so the newest is a good guess."""
        for name, held in reversed(list(self._namespace.items())):
            if held is value and name not in IGNORED and not name.startswith("_"):
                return name
        return ""

    def _place(self, site: CallSite | None) -> CallSite | None:
        """A call in a cell stands at the cell's id."""
        if site is None or site.place:
            return site
        return msgspec.structs.replace(site, place=self._tracker.cell(threading.get_ident()))

    def _clean(self, observation: Observation) -> Observation:
        def clean(value: Scalar) -> Scalar:
            return self._redact(value) if isinstance(value, str) else value

        params = {name: clean(value) for name, value in observation.params.items()}
        return msgspec.structs.replace(
            observation, value=clean(observation.value), params=params,
            details={name: self._redact(text) for name, text in observation.details.items()}, site=self._place(observation.site),
        )
