"""Run exactly the cells that need it: the first of the plan, then ask again, until every result holds.

Asking again after each cell makes it exact. What an edited cell really did is known once it ran: if it made the same content
as before, what rests on it still holds and is not run; if it changed more than its text told, more is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from mlops_jupyter.api.slices import Stale, stale

MOST = 3
"""Most times that one cell is run by one rerun: one that reads the clock never comes to rest."""


class Rerun(msgspec.Struct):
    """What was run. `failed`: the id of the cell that ended it, "" if none did; `remains`: what only a restart brings back.

    `restless`: cells that did not hold right after they ran; they were left, and the others run.
    """

    ran: list[str] = []
    failed: str = ""
    forgot: list[str] = []
    restless: list[str] = []
    remains: list[str] = []


class Kernel(msgspec.Struct, frozen=True):
    """How to run a cell (id, source) in the kernel that asked: True if it went well; and how to delete names there."""

    run: Callable[[str, str], bool]
    forget: Callable[[Sequence[str]], None]


def rerun(kernel: Kernel, first: Stale, ask: Callable[[], Stale] | None = None) -> Rerun:
    """Run what `first`, the answer of `stale`, names, and what follows from it; stops at the first cell that fails.

    The notebook counts as it stood then; what is saved meanwhile counts from the next rerun on. `ask`: the same question again.
    """
    ask = ask or partial(stale, first.page, first.session)
    done, asked, times = Rerun(), first, Counter[int]()
    last = None
    while True:
        done.remains = list(dict.fromkeys([*done.remains, *asked.remains]))
        if asked.plan and (asked.plan[0].position == last or times[asked.plan[0].position] >= MOST):
            times[asked.plan[0].position] = MOST
        plan = [cell for cell in asked.plan if times[cell.position] < MOST]
        if not plan:
            done.restless = [cell.id for cell in asked.plan]
            _forget(kernel, asked.forget, done)
            return done
        cell = plan[0]
        last = cell.position
        times[last] += 1
        _forget(kernel, cell.forget, done)
        done.ran.append(cell.id)
        if not kernel.run(cell.id, cell.source):
            done.failed = cell.id
            return done
        asked = ask()


def _forget(kernel: Kernel, names: Sequence[str], done: Rerun) -> None:
    if names:
        kernel.forget(names)
        done.forgot += names
