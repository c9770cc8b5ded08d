"""When a job is due: five fields of cron, read in a time zone, with one rule for the two days a year on which clocks change.

Cron's fields name local times, cronsim lists those, and each is a moment: one that the clocks skip is due at the first moment
after the gap, one that they show twice is due the first time. So no moment comes twice, none is lost, and they only increase.
Everything here is a pure function of a schedule and of moments in Unix seconds.
"""

from __future__ import annotations

import difflib
import functools
import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from mlops_jupyter.entities import Firing, InputError, Schedule

LATE = 300.0
"""Seconds after its moment for which a start is on time; what is later was missed."""
MOST = 10_000
"""Moments that are looked at one by one; before that many, only the last one counts."""
_YEARS = (2025, 2037)  # whose changes of clocks decide at which minutes to look; fixed, so that the same line comes out each year
_WORDS = {word: number for words, first in (("SUN MON TUE WED THU FRI SAT", 0),
                                            ("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC", 1))
          for number, word in enumerate(words.split(), first)}
_FIELDS = ("minute (0-59)", "hour (0-23)", "day of month (1-31)", "month (1-12 or JAN-DEC)", "day of week (0-7 or SUN-SAT)")
_ONE = r"(?:\d+|[A-Za-z]{3})"  # no L, W or #: cron has none
_PART = re.compile(rf"(?:\*|{_ONE}-{_ONE})/\d+|\*|{_ONE}(?:-{_ONE})?")
_DAYS = ("", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Gap(NamedTuple):
    """Clocks are put forward: the moment, and the local times that there are not."""

    at: float
    start: datetime
    end: datetime


def check(schedule: Schedule) -> None:
    """InputError, with what helps, for a line that is no cron or never comes, and for a zone that there is not."""
    zone_of(schedule)
    fields = schedule.cron.split()
    if len(fields) != 5 or not schedule.cron.isprintable():
        raise InputError(f"the schedule {schedule.cron!r} has {len(fields)} of five fields",
                         "write it as MINUTE HOUR DAY-OF-MONTH MONTH DAY-OF-WEEK; at six on working days is '0 6 * * 1-5'")
    for place, (field, name) in enumerate(zip(fields, _FIELDS, strict=True)):
        alone = ["*"] * 5
        alone[place] = field
        try:
            if not all(map(_PART.fullmatch, field.split(","))):
                raise CronSimError
            CronSim(" ".join(alone), datetime(2024, 1, 1))
        except CronSimError:
            raise InputError(f"{field!r} is no {name} of a schedule, in {schedule.cron!r}",
                             "write numbers, lists 1,2, ranges 1-5 and steps */15 or 5-59/15") from None
    if next(after(schedule, 0.0), None) is None:
        raise InputError(f"the schedule {schedule.cron!r} never comes: no such month has such a day", "choose another day")


def zone_of(schedule: Schedule) -> ZoneInfo:
    """The zone of a schedule. InputError with those that it may have meant."""
    try:
        return ZoneInfo(schedule.zone)
    except (ValueError, OSError, LookupError):
        known = sorted(available_timezones())
        close = [name for name in known if name.rpartition("/")[2].casefold() == schedule.zone.casefold()]
        close += difflib.get_close_matches(schedule.zone, known, 3, 0.6)
        raise InputError(f"there is no time zone {schedule.zone!r}",
                         f"give it as --zone {close[0] if close else 'Europe/Berlin'}"
                         + (f" (near it: {', '.join(close)})" if len(close) > 1 else "")) from None


def after(schedule: Schedule, moment: float) -> Iterator[float]:
    """Every moment at which it is due after this one, in order, for as long as the calendar goes on."""
    zone, last = zone_of(schedule), moment
    for local in _local_times(schedule.cron, datetime.fromtimestamp(moment, zone).replace(tzinfo=None)):
        due = _moment(zone, local)
        if due > last:
            last = due
            yield due


def between(schedule: Schedule, since: float, until: float) -> list[float]:
    """The moments after `since` up to `until`; of more than MOST the first so many."""
    found: list[float] = []
    for due in after(schedule, since):
        if due > until or len(found) == MOST:
            break
        found.append(due)
    return found


def latest(schedule: Schedule, until: float) -> float | None:
    """The last moment up to `until`, if it has one in the years before."""
    days = 1
    while days < 366 * 9:
        last = None
        for moment in after(schedule, until - 86_400 * days):
            if moment > until:
                break
            last = moment
        if last is not None:
            return last
        days *= 8
    return None


class Due(NamedTuple):
    """What is due now: the moment to start for, if any, whether that is late, and what was missed before it."""

    start: float | None
    made_up: bool
    missed: Firing | None


def due(schedule: Schedule, since: float, now: float) -> Due:
    """What follows from the moments after `since`, the last that was decided on. At most one is started for, the last."""
    found = between(schedule, since, now)
    if not found:
        return Due(None, False, None)
    last = found[-1] if len(found) < MOST else latest(schedule, now) or found[-1]
    on_time = now - last <= LATE
    start = last if on_time or schedule.missed == "run" else None
    missed = found if start is None else found[:-1]
    made_up = start is not None and not on_time
    if not missed:
        return Due(start, made_up, None)
    until = last if start is None else missed[-1]
    return Due(start, made_up, Firing(until, now, "missed", count=len(missed), first=missed[0]))


def decide(schedule: Schedule, found: Due, now: float, running: str, child: str) -> list[Firing]:
    """The record of what is done: `running` is the submission that has not ended, if any, `child` the one to hand over."""
    made = [found.missed] if found.missed is not None else []
    if found.start is None:
        return made
    if running and schedule.overlap == "skip":
        return [*made, Firing(found.start, now, "skipped", running)]
    return [*made, Firing(found.start, now, "run", child, made_up=found.made_up)]


def crontab_fields(schedule: Schedule, local: tzinfo) -> str:
    """Five fields for a cron that knows only the zone `local`: they come at each moment at which the schedule could be due.

    The schedule's own where the two zones are one without changes of clocks; else certain minutes of each hour, and whoever is
    started then asks whether it is due.
    """
    zone = zone_of(schedule)
    offsets = {(_offset(zone, at), _offset(local, at)) for at in _days()}
    if len(offsets) == 1 and len(set(*offsets)) == 1:
        return " ".join(_numbers(field) for field in schedule.cron.split())
    parsed = _parsed(schedule.cron)
    shifts = {(here - there) // 60 for there, here in offsets}
    minutes = {(minute + shift) % 60 for minute in parsed.minutes for shift in shifts}
    minutes |= {datetime.fromtimestamp(gap.at, local).minute for gap in gaps(zone) if _falls_into(parsed, gap)}
    return f"{_listed(minutes, range(60), '-') or '*'} * * * *"


def calendar_lines(schedule: Schedule) -> list[str]:
    """`OnCalendar=` of systemd, which reads zones as we do but leaves out the times of a gap: those come with lines of their own.

    Cron's "this day of month or that day of week" is two lines.
    """
    parsed = _parsed(schedule.cron)
    weekdays = {day % 7 for day in parsed.weekdays if isinstance(day, int)}
    week = re.sub(r"\d", lambda match: _DAYS[int(match[0])], _listed({day or 7 for day in weekdays}, range(1, 8), ".."))
    month = _listed(parsed.months, range(1, 13), "..", "02d") or "*"
    days = _listed(parsed.days, range(1, 32), "..", "02d") or "*"
    clock = f"{_listed(parsed.hours, range(24), '..', '02d') or '*'}:{_listed(parsed.minutes, range(60), '..', '02d') or '*'}:00"
    when = [(week, days)] if parsed.day_and else [("", days), (week, "*")]
    lines = [f"{week} *-{month}-{day} {clock} {schedule.zone}".strip() for week, day in dict.fromkeys(when)]
    skipped = [gap for gap in gaps(zone_of(schedule)) if _falls_into(parsed, gap)]
    return [*lines, *sorted({f"*-{gap.end:%m}-* {gap.end:%H:%M}:00 {schedule.zone}" for gap in skipped})]


@functools.lru_cache(maxsize=16)
def gaps(zone: tzinfo) -> tuple[Gap, ...]:
    """When its clocks are put forward, in the years that are looked at."""
    found = []
    for start, end in itertools.pairwise(_days()):
        before, later = _offset(zone, start), _offset(zone, end)
        if later > before:
            at = _change(zone, start, end)
            local = datetime.fromtimestamp(at, zone).replace(tzinfo=None)
            found.append(Gap(at, local - timedelta(seconds=later - before), local))
    return tuple(found)


def _days() -> Iterator[float]:
    first, last = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in _YEARS)
    return (first + 86_400.0 * day for day in range(int((last - first) / 86_400)))


def _falls_into(parsed: CronSim, gap: Gap) -> bool:
    """Whether a time of day of the line is one that the clocks skip."""
    minutes = int((gap.end - gap.start).total_seconds()) // 60
    skipped = (gap.start + timedelta(minutes=minute) for minute in range(min(minutes, 1440)))
    return any(local.hour in parsed.hours and local.minute in parsed.minutes for local in skipped)


def _parsed(cron: str) -> CronSim:
    return CronSim(cron, datetime(2024, 1, 1))


def _local_times(cron: str, start: datetime) -> Iterator[datetime]:
    """Local times of the line after `start`; those of the calendar, whatever clocks do."""
    try:
        yield from CronSim(cron, start)
    except CronSimError:  # such a day there never is
        return


def _moment(zone: ZoneInfo, local: datetime) -> float:
    """When it is this local time: the first of two, or the first moment after the gap that it falls into."""
    moment = local.replace(tzinfo=zone).timestamp()
    if datetime.fromtimestamp(moment, zone).replace(tzinfo=None) == local:
        return moment
    return _change(zone, local.replace(tzinfo=zone, fold=1).timestamp(), moment)


def _change(zone: tzinfo, before: float, later: float) -> float:
    """The first whole second at which the zone's offset is that of `later`; at `before` it is another."""
    low, high, wanted = int(before), int(later), _offset(zone, later)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _offset(zone, middle) == wanted else (middle, high)
    return float(high)


def _offset(zone: tzinfo, moment: float) -> int:
    offset = datetime.fromtimestamp(moment, zone).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def _numbers(field: str) -> str:
    """A field without names of months and days: not every cron takes those in lists."""
    return re.sub(r"[A-Za-z]+", lambda match: str(_WORDS[match[0].upper()]), field)


def _listed(chosen: set[int], of: range, to: str, form: str = "d") -> str:
    """`0,15,30`, `1-5`; "" for all of them."""
    if set(of) <= chosen:
        return ""
    runs: list[list[int]] = []
    for number in sorted(chosen):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    words = [[f"{run[0]:{form}}{to}{run[-1]:{form}}"] if len(run) > 2 else [f"{number:{form}}" for number in run] for run in runs]
    return ",".join(word for part in words for word in part)
