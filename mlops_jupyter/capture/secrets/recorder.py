"""The last gate before the outbox: it lets no text of a record pass unseen.

Sources, outputs and errors are redacted where they are taken, whole, before they are cut. Here the rest is looked at, whatever
field it is in: tags, paths, SQL, names, labels of columns, notes. All texts that are new are asked at once; only if
there is something among them the record is taken apart.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import cast, get_origin

import msgspec

from mlops_jupyter.capture.backlog import PatientOutbox
from mlops_jupyter.capture.secrets.redactor import Redactor
from mlops_jupyter.entities import Entity, Observation

_STRUCTURE = frozenset({
    "session", "writer", "id", "kind", "state", "how", "mode", "mime", "outputs", "experiment_id", "kernel_id", "digest", "blob",
    "cell", "diff", "commit", "before", "models", "type_name", "started", "ended",
})
"""Fields of ours that hold no text of the user's; `outputs` of a session is a word, of an execution it is walked through."""

_NUMBERS = frozenset({int, float, bool})


class CleanOutbox(PatientOutbox):
    """A patient outbox that takes nothing but what `redact` has seen.

    Blobs are kept as they come: text was redacted by those who bring it, artifacts and data are the user's own.
    """

    def __init__(self, folder: Path, redact: Redactor, say: Callable[[str], None],
                 writer: str | None = None) -> None:
        super().__init__(folder, say, writer)
        self._redact = redact
        self.heard: Callable[[Entity], None] | None = None
        """Is told each entity as it was written."""

    def record(self, entity: Entity) -> None:
        """Append one entity, without secrets."""
        entity = clean(entity, self._redact)
        super().record(entity)
        if self.heard is not None:
            self.heard(entity)


def clean(entity: Entity, redact: Redactor) -> Entity:
    """The entity with every text of the user's redacted; the very same object where there was nothing to redact."""
    new = [text for text in _texts(entity) if text not in redact.clean]
    if not new:
        return entity
    together = "\n".join(new)  # one pass over all of them; what it finds may lie across two, so then each is asked
    if redact(together) == together:
        redact.clean.update(dict.fromkeys(new))
        return entity
    return cast(Entity, _cleaned(entity, redact))


@cache
def _fields(cls: type[msgspec.Struct]) -> Callable[[msgspec.Struct], tuple[object, ...]]:
    """Hands out the fields of such an entity that can hold a text of the user's."""
    fields = msgspec.structs.fields(cls)
    names = [field.name for field in fields if field.name not in _STRUCTURE or get_origin(field.type) is list]
    return attrgetter(*names) if len(names) > 1 else lambda entity: tuple(getattr(entity, name) for name in names)


def _texts(entity: Entity) -> list[str]:
    """Every text of an entity that could hold a secret; a text under a name comes with its name."""
    found: list[str] = []
    ahead: list[object] = [entity]
    for value in ahead:  # which grows meanwhile: at every cell, so without a call for each value
        if type(value) in _NUMBERS:
            continue
        if isinstance(value, str):
            if len(value) > 5:
                found.append(value)
        elif isinstance(value, msgspec.Struct):
            ahead.extend(filter(None, _fields(type(value))(value)))
            if isinstance(value, Observation) and isinstance(value.value, str):
                found.append(_pair(value.name, value.value))
        elif isinstance(value, list | tuple):
            ahead.extend(value)
        elif isinstance(value, dict):
            for key, item in value.items():
                if isinstance(item, str) and isinstance(key, str):
                    found.append(_pair(key, item))
                else:
                    ahead += key, item
    return found


def _pair(name: str, value: str) -> str:
    return f"{name} = {value!r}"


def _cleaned(value: object, redact: Redactor) -> object:
    if isinstance(value, str):
        return redact(value) if len(value) > 5 else value
    if isinstance(value, msgspec.Struct):
        return _cleaned_struct(value, redact)
    if isinstance(value, list | tuple):
        items = [_cleaned(item, redact) for item in value]
        if all(one is other for one, other in zip(items, value, strict=True)):
            return value
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, dict):
        return {_cleaned(key, redact): redact.under(key, item) if isinstance(item, str) and isinstance(key, str)
                else _cleaned(item, redact) for key, item in value.items()}
    return value


def _cleaned_struct(value: msgspec.Struct, redact: Redactor) -> msgspec.Struct:
    changes: dict[str, object] = {}
    for name in value.__struct_fields__:
        held = getattr(value, name)
        if held is None or (name in _STRUCTURE and not isinstance(held, list)):
            continue
        other = _cleaned(held, redact)
        if other is not held:
            changes[name] = other
    if isinstance(value, Observation) and isinstance(value.value, str):
        changes["value"] = redact.under(value.name, value.value)
    return msgspec.structs.replace(value, **changes) if changes else value
