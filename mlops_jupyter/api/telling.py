"""Telling people, by apprise: a job failed, it is well again, a schedule was missed. Each of it once, whoever sees it.

Whoever looks at a submission tells what is still owed. It first claims that in the store, by compare-and-swap, then sends, then
writes down that it did. One who dies after the claim leaves it owed: after LEASE seconds somebody else tells. So nothing is lost
for ever; told twice it is only where somebody dies between the two lines that send and note. An address that fails is not tried
again: what it said is shown with the submission.
"""

from __future__ import annotations

import importlib.util
import logging
import re
import time
from collections.abc import Sequence
from datetime import datetime

import msgspec

from mlops_jupyter.api.slices import redactor
from mlops_jupyter.entities import AnyStore, InputError, JobParameter, MlopsError, Submission
from mlops_jupyter.entities.submissions import NO_END
from mlops_jupyter.jobs.runners.timers import is_timer
from mlops_jupyter.jobs.schedule import LATE, between, zone_of
from mlops_jupyter.jobs.secrets import secret_values

FAILURES = frozenset({"failed", "died", "timed-out"})
LEASE = 120.0
"""Seconds after which a claim counts no more."""
MISSED = "missed"
_REFERENCE = re.compile(r"(env|keyring|file):(?!//)")
_STEERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_GRACE = LATE + 60.0  # by then whoever starts jobs has started it, or has noted that it did not


class News(msgspec.Struct, frozen=True):
    """What there is to say of a submission. `told`: what is written down when it has been said; no lines: nothing is sent."""

    told: str
    title: str = ""
    lines: Sequence[str] = ()


def must_be_tellable(addresses: Sequence[str]) -> None:
    """InputError for what is no address of apprise, or cannot be looked up here; what was given is not repeated."""
    if addresses and not _installed():
        raise InputError("--tell needs apprise, which is not installed", "pip install 'mlops_jupyter[tell]'")
    for address in addresses:
        try:
            known = _known(_looked_up(address))
        except MlopsError:
            raise InputError(f"there is nothing at {address}, where the address of whom to tell should be",
                             "put it there, or give another: --tell env:NAME, --tell file:PATH, --tell URL") from None
        if not known:
            raise InputError(f"{masked(address)} is no address that apprise knows",
                             "--tell json://HOST/PATH, mailto://…, slack://…; the documentation of apprise lists them")


def masked(address: str) -> str:
    """An address as it may be shown: what comes after `scheme://` may be a secret. A reference is none."""
    scheme, separator, _ = address.partition("://")
    return f"{scheme}://…" if separator else address


def tell(store: AnyStore, found: Sequence[Submission]) -> list[Submission]:
    """The same, after what is owed of each was told. Nothing is raised but what the store says."""
    return [_told(store, one) if one.tell and _installed() else one for one in found]


def _told(store: AnyStore, one: Submission) -> Submission:
    now = time.time()
    if one.telling and now - one.telling < LEASE:
        return one
    news = _news(store, one, now)
    if news is None:
        return one
    if not news.lines:
        done = msgspec.structs.replace(one, told=news.told, telling=0.0)
        return done if store.swap(one, [done]) else one
    claimed = msgspec.structs.replace(one, telling=now)
    if not store.swap(one, [claimed]):
        return one
    untold = _send(one.tell, news)
    done = msgspec.structs.replace(claimed, told=news.told, telling=0.0, untold=untold)
    return done if store.swap(claimed, [done]) else claimed


def _news(store: AnyStore, one: Submission, now: float) -> News | None:
    if one.state in NO_END:
        ours = one.schedule is not None and one.told != MISSED and is_timer(one.runner)
        return _of_schedule(one, now) if ours else None
    if one.told == one.state:
        return None
    if one.state in FAILURES:
        return _failure(store, one)
    before = _before(store, one) if one.state == "succeeded" else None
    if before is None or before.state not in FAILURES:
        return News(one.state)
    return News(one.state, f"{_name(one)} is well again", [
        f"{_name(one)} succeeded, after it had {before.state}.", *_which(one)])


def _failure(store: AnyStore, one: Submission) -> News:
    what = f"the schedule of {_name(one)}" if one.schedule is not None else _name(one)
    how = "took too long" if one.state == "timed-out" else one.state
    return News(one.state, f"{what} {how}", [_error(store, one) or f"it {one.state}", *_which(one)])


def _error(store: AnyStore, one: Submission) -> str:
    """Which cell, and the error: as its attempt said, else as it recorded it, else the end of what it printed."""
    outcome = one.outcome
    if outcome is not None and outcome.cell is not None:
        return f"cell {outcome.cell}: {outcome.error}"
    if one.state == "failed":
        for session in store.sessions(submission=one.id):
            for cell in reversed(store.executions(session.id)):
                if cell.state == "error" and cell.error is not None:
                    return f"cell {cell.n}: {cell.error.name}: {cell.error.message}"
    lines = outcome.error.splitlines() if outcome is not None else []
    ours = [place for place, line in enumerate(lines) if line.startswith("mlops: ")]
    return "\n".join(lines[ours[-1]:] if ours else lines)


def _of_schedule(one: Submission, now: float) -> News | None:
    """Missed moments: those that whoever starts jobs has noted, and those that it has not even seen."""
    assert one.schedule is not None
    newest = [firing for firing in one.firings if firing.decided == one.firings[-1].decided]
    made_up = any(firing.made_up for firing in newest)
    moments = [firing.at for firing in newest if firing.what == "missed" or firing.made_up]
    unseen = between(one.schedule, decided(one), now - _GRACE)
    if not moments and not unseen:
        return None
    moment = unseen[-1] if unseen else moments[-1]
    what = f"It was to start at {spoken(one, moment)}, and was not."
    more = "It is made up for now." if made_up and not unseen else "Is the machine on, and does its timer run?" if unseen else ""
    return News(MISSED, f"{_name(one)} was not started at its time", [what, *filter(None, [more]), *_which(one)])


def decided(one: Submission) -> float:
    """The last moment of a schedule that was decided on; before the first, when it was made."""
    return max([one.at, *(firing.at for firing in one.firings)])


def spoken(one: Submission, moment: float) -> str:
    """A moment in the zone of its schedule."""
    assert one.schedule is not None
    return f"{datetime.fromtimestamp(moment, zone_of(one.schedule)):%Y-%m-%d %H:%M} {one.schedule.zone}"


def _before(store: AnyStore, one: Submission) -> Submission | None:
    """The last end before it, of the same schedule or sweep, else of the same owner's job of that name."""
    alike = [each for each in store.submissions() if each.id != one.id and each.state not in NO_END | {"cancelled"}
             and each.schedule is None and _line(each) == _line(one) and (each.ended or 0.0) <= (one.ended or 0.0)]
    return max(alike, key=lambda each: each.ended or 0.0, default=None)


def _line(one: Submission) -> tuple[str, ...]:
    return (one.parent,) if one.parent else (one.owner, one.name or one.job)


def _name(one: Submission) -> str:
    return one.name or one.job or one.id


def _which(one: Submission) -> list[str]:
    facts = [f"run {one.run}" if one.run else "", f"submission {one.id}", f"to {one.runner}",
             f"of {one.owner}" if one.owner else ""]
    return [", ".join(filter(None, facts)), f"More: mlops submissions show {one.id[:14]}"]


def _send(addresses: Sequence[str], news: News) -> str:
    """To each of them; "" or why not, of each that could not be told."""
    redact = redactor()
    title, body = (_STEERS.sub("", redact(text)) for text in (f"mlops: {news.title}", "\n".join(news.lines)))
    failed = []
    for address in dict.fromkeys(addresses):
        try:
            why = _notify(_looked_up(address), title, body)
        except MlopsError as error:
            why = error.what
        if why:
            failed.append(f"{masked(address)} could not be told: {why}")
    return "; ".join(failed)


def _notify(address: str, title: str, body: str) -> str:
    import apprise

    with apprise.LogCapture(level=logging.WARNING, fmt="%(message)s") as said:  # type: ignore[no-untyped-call]
        try:
            sent = apprise.Apprise(address).notify(body=body, title=title)
        except Exception as error:  # noqa: BLE001 (a service's plugin is code that we do not know; no job's end hangs on it)
            return type(error).__name__
        lines = said.getvalue().strip().splitlines() or ["apprise gave no reason"]
        return "" if sent else lines[-1].replace(address, "…")[:200]


def _known(address: str) -> bool:
    import apprise

    return bool(apprise.Apprise().add(address))


def _looked_up(address: str) -> str:
    """What a reference (`env:NAME`, `keyring:SERVICE/USER`, `file:PATH`) leads to; anything else is an address itself."""
    if not _REFERENCE.match(address):
        return address
    (value,) = secret_values([JobParameter("tell", "secret", address)], {}).values()
    return value.strip()


def _installed() -> bool:
    return importlib.util.find_spec("apprise") is not None
