"""The oracle's verdict on one move: which real changes were recorded, and which recorded changes were none.

Real: the content of a name is another than before, by `describing`. Seen: the name is among the writes or deletes of an
execution of this move, or an execution says that it may have changed anything (`opaque`). A class of the notebook's counts
under its own name where it has one. False: a definite change (`mutated`, `created`, `deleted`) of a name that holds what it held.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

from mlops_jupyter.entities import CellExecution
from tests.proofs.describing import Snapshot
from tests.proofs.playing import BESIDE, Played

_DEFINITE = frozenset({"created", "rebound", "mutated"})


@dataclass
class Verdict:
    """Counts of one move, and what is wrong in words."""

    real: int = 0
    unknown: int = 0
    """Real changes that were marked unknown, not seen for certain."""
    hidden: int = 0
    definite: int = 0
    missed: list[str] = field(default_factory=list)
    missed_hidden: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    executions: int = 0
    opaque: int = 0
    maybe: int = 0
    """Executions with an opaque mark; without one, but with some `maybe`."""


def changed(before: Snapshot, after: Snapshot) -> set[str]:
    """Names bound anew or with other content, classes of the notebook's left out."""
    names = before.values.keys() | after.values.keys()
    return {name for name in names if before.values.get(name) != after.values.get(name)}


def changed_classes(before: Snapshot, after: Snapshot) -> dict[int, str]:
    """Classes of the notebook's that were there before and are other now, with their names."""
    return {key: name for key, (name, told) in after.named.items() if key in before.named and before.named[key][1] != told}


def judge(played: Played) -> Verdict:
    """What the records of this move are worth."""
    verdict = Verdict()
    if played.move.kind in BESIDE:
        return verdict
    for execution in played.executions:
        verdict.executions += 1
        if execution.opaque:
            verdict.opaque += 1
        elif any(write.how == "maybe" for write in execution.writes):
            verdict.maybe += 1
    everything = any(execution.opaque or execution.state == "skipped" for execution in played.executions)
    written = {write.name: write.how for execution in played.executions for write in execution.writes}
    recorded = written.keys() | {name for execution in played.executions for name in execution.deletes}
    last, after = played.last, played.after
    named = {id(value): name for value, name in zip(after.held, after.values, strict=False)}
    for name in sorted(changed(last, after) | (changed(played.before, after) if played.before is not after else set())):
        if last.ids.get(name) == after.ids.get(name) and _by_content(last.values[name], last) == _by_content(
                after.values[name], after):
            continue  # an object was given a class that was made anew and is the same
        verdict.real += 1
        if _module_key(name, after) in recorded:
            continue
        if name in recorded and written.get(name) != "maybe":
            continue
        if name in recorded or everything:
            verdict.unknown += 1
        else:
            verdict.missed.append(_say(name, last, after))
    for key, name in changed_classes(last, after).items():
        users = [user for user, classes in after.classes.items() if key in classes]
        if not users:
            continue
        verdict.real += 1
        own = named.get(key) if named.get(key) == name else None
        needed = [own] if own else users
        if everything:
            verdict.unknown += 1
        elif f"$module {after.named[key][1][1]}" in recorded:  # who uses an object of a module's class reads the module
            continue
        elif not all(user in recorded or _module_key(user, after) in recorded for user in needed):
            told = _short(last.named[key][1], after.named[key][1])
            verdict.missed.append(f"class {name} through {[user for user in needed if user not in recorded]}: {told}")
    _judge_hidden(played, verdict, recorded, everything=everything)
    _judge_false(played, verdict)
    return verdict


def _module_key(name: str, after: Snapshot) -> str:
    """Under which key the state of the module that `name` holds is recorded; of the environment, which every cell reads."""
    told = after.values.get(name)
    if after.ids.get(name) == id(sys.path) or (isinstance(told, tuple) and told[:2] == ("os", "_Environ")):
        return "$env *"
    if isinstance(told, tuple) and told[:2] == ("decimal", "Context"):
        return "$env decimal"
    return f"$module {told[1]}" if isinstance(told, tuple) and told[0] == "module" else ""


def _judge_hidden(played: Played, verdict: Verdict, recorded: set[str], *, everything: bool) -> None:
    last, after = played.last.hidden, played.after.hidden
    drew = {f"$rng {source}" for one in played.executions if one.random is not None for source in one.random.drew}
    written = {str(value[1]) for name, value in played.after.values.items()
               if name in recorded and isinstance(value, tuple) and value[0] == "module"}
    """Modules recorded as changed by the name that holds them."""
    for key in sorted(last.keys() & after.keys()):
        if last[key] == after[key] or (key.startswith("$module ") and _by_content(last[key], played.last) == _by_content(
                after[key], played.after)):
            continue
        verdict.hidden += 1
        package = key.removeprefix("$env ")
        seen = key in recorded or key in drew or package in written or (key == "$env os" and "$env *" in recorded)
        seen = seen or (package == "builtins" and "$module builtins" in recorded)
        if not (everything or seen):
            verdict.missed_hidden.append(f"{key}: {_short(last[key], after[key])}")


def _by_content(told: object, snapshot: Snapshot) -> object:
    """The description of a module, its classes by what they are: one made anew that is the same is no change."""
    if isinstance(told, tuple) and told[:1] == ("class of the notebook",):
        return snapshot.named.get(told[1], told)  # type: ignore[arg-type]
    return tuple(_by_content(part, snapshot) for part in told) if isinstance(told, tuple) else told


def _judge_false(played: Played, verdict: Verdict) -> None:
    before, after = played.last, played.after
    for execution in played.executions:
        for write in execution.writes:
            if write.how not in _DEFINITE or write.name.startswith(("$", "_")) or execution.state == "skipped":
                continue
            verdict.definite += 1
            if _is_false(write.name, write.how, before, after, execution):
                verdict.false.append(f"{write.name} {write.how}: {str(before.values.get(write.name))[:150]}")
        for name in execution.deletes:
            verdict.definite += 1
            if name not in before.values or before.ids.get(name) == after.ids.get(name):
                verdict.false.append(f"{name} deleted")


def _is_false(name: str, how: str, before: Snapshot, after: Snapshot, execution: CellExecution) -> bool:
    if name not in after.values:
        return True
    if before.values.get(name) != after.values[name] or before.ids.get(name) != after.ids[name]:
        return False
    if any(key in after.classes[name] for key in changed_classes(before, after)):
        return False
    return how != "rebound"


def _say(name: str, before: Snapshot, after: Snapshot) -> str:
    return f"{name}: {_short(before.values.get(name), after.values.get(name))}"


def _short(old: object, new: object) -> str:
    """The first place where two descriptions differ."""
    while isinstance(old, tuple) and isinstance(new, tuple) and (len(old) == len(new) or old[:1] != new[:1]):
        at = next((at for at, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), None)
        if at is None:
            break
        old, new = old[at], new[at]
    return f"{str(old)[:120]} -> {str(new)[:120]}"
