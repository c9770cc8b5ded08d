"""When a job is due: cron's fields in a zone, on days on which clocks change too; what was missed; and the lines for engines."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_jupyter.entities import Firing, InputError, Schedule
from mlops_jupyter.entities.submissions import Missed, Overlap
from mlops_jupyter.jobs.schedule import (
    LATE,
    after,
    between,
    calendar_lines,
    check,
    crontab_fields,
    decide,
    due,
    latest,
)

BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def shown(moments: list[float]) -> list[str]:
    return [datetime.fromtimestamp(moment, UTC).strftime("%m-%d %H:%M") for moment in moments]


@pytest.mark.parametrize(("cron", "zone", "since", "expected"), [
    pytest.param("30 6 * * *", "UTC", "2026-11-28 06:30", "11-29 06:30 11-30 06:30", id="after, not at"),
    pytest.param("0 6 * * 1-5", BERLIN, "2026-11-27 05:00", "11-30 05:00 12-01 05:00", id="working days"),
    pytest.param("30 2 * * *", BERLIN, "2026-03-28 00:00", "03-28 01:30 03-29 01:00 03-30 00:30",
                 id="a time that there is not: at the end of the gap"),
    pytest.param("30 2 * * *", BERLIN, "2026-10-24 00:00", "10-24 00:30 10-25 00:30 10-26 01:30", id="a time twice: the first"),
    pytest.param("30 2 * * *", NEW_YORK, "2026-03-07 00:00", "03-07 07:30 03-08 07:00 03-09 06:30", id="New York, gap"),
    pytest.param("30 1 * * *", NEW_YORK, "2026-10-31 00:00", "10-31 05:30 11-01 05:30 11-02 06:30", id="New York, twice"),
    pytest.param("15 2 * * *", LORD_HOWE, "2026-10-02 16:00", "10-03 15:30 10-04 15:15", id="half an hour's gap"),
    pytest.param("45 1 * * *", LORD_HOWE, "2026-04-03 14:00", "04-03 14:45 04-04 14:45 04-05 15:15", id="half an hour twice"),
    pytest.param("*/15 2-3 * * *", BERLIN, "2026-03-29 00:00", "03-29 01:00 03-29 01:15 03-29 01:30 03-29 01:45 03-30 00:00",
                 id="quarters over a gap: its times and the one at its end are one"),
    pytest.param("*/15 2-3 * * *", BERLIN, "2026-10-25 00:00",
                 "10-25 00:15 10-25 00:30 10-25 00:45 10-25 02:00 10-25 02:15 10-25 02:30", id="quarters in an hour twice"),
    pytest.param("*/15 2-3 * * *", BERLIN, "2026-10-25 01:20", "10-25 02:00 10-25 02:15", id="asked in the second of two hours"),
    pytest.param("0 12 29 2 *", "UTC", "2026-01-01 00:00", "02-29 12:00 02-29 12:00", id="leap days"),
    pytest.param("0 0 13 * 5", "UTC", "2026-11-01 00:00", "11-06 00:00 11-13 00:00 11-20 00:00 11-27 00:00 12-04 00:00"
                 " 12-11 00:00 12-13 00:00", id="day of month or day of week"),
    pytest.param("0 0 */2 * 1", "UTC", "2026-11-01 00:00", "11-09 00:00 11-23 00:00 12-07 00:00",
                 id="and, where one begins with a star: as Debian's cron"),
    pytest.param("0 0 * JAN-feb SUN,7", "UTC", "2026-11-01 00:00", "01-03 00:00 01-10 00:00", id="names"),
])
def test_when_it_is_due(cron: str, zone: str, since: str, expected: str) -> None:
    wanted = re.findall(r"\S+ \S+", expected)
    assert shown(list(itertools.islice(after(Schedule(cron, zone), at(since)), len(wanted)))) == wanted


ZONES = st.sampled_from([BERLIN, NEW_YORK, LORD_HOWE, "UTC", "Asia/Kathmandu", "America/Santiago", "Africa/Casablanca"])
CRONS = st.tuples(*map(st.sampled_from, [
    ["0", "*", "*/15", "30", "59", "7,8", "20-40/5"], ["*", "2", "1-3", "0", "*/6", "23"], ["*", "1", "*/2", "29", "31"],
    ["*", "3", "10", "2,4"], ["*", "1-5", "0", "7", "6"],
])).map(" ".join).filter(lambda cron: cron.split()[2:4] != ["31", "2,4"])


@settings(max_examples=150, deadline=None)
@given(cron=CRONS, zone=ZONES, since=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 1)), days=st.integers(1, 5))
def test_no_moment_twice_none_lost_and_always_later(cron: str, zone: str, since: datetime, days: int) -> None:
    schedule, start = Schedule(cron, zone), since.replace(tzinfo=UTC).timestamp()
    end = start + 86_400 * days
    found = between(schedule, start, end)
    assert all(one < later for one, later in itertools.pairwise([start, *found]))
    middle = start + 86_400 * days / 2
    assert found == [*between(schedule, start, middle), *between(schedule, middle, end)]  # from wherever one asks
    # None lost: the fields as cron reads them, on each minute that there is, the first time that clocks show it.
    assert set(found) >= _plain(cron, zone, start, end)
    assert latest(schedule, end) == (found[-1] if found else latest(schedule, start))


def _plain(cron: str, zone: str, start: float, end: float) -> set[float]:
    """Minute by minute, without any library: what every reader of cron agrees on."""
    minute, hour, day, month, week = cron.split()

    def holds(field: str, value: int, first: int, last: int) -> bool:
        for part in field.split(","):
            span, _, step = part.partition("/")
            low, _, high = (str(first), "", str(last)) if span == "*" else span.partition("-")
            if int(low) <= value <= int(high or low) and (value - int(low)) % int(step or 1) == 0:
                return True
        return False

    found = set()
    moment = datetime.fromtimestamp(start, UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    while moment.timestamp() <= end:
        local = moment.astimezone(ZoneInfo(zone))
        weekday = local.isoweekday()
        dom, dow = holds(day, local.day, 1, 31), holds(week, weekday, 0, 7) or holds(week, weekday % 7, 0, 7)
        days = dom and dow if day.startswith("*") or week.startswith("*") else dom or dow
        if local.fold == 0 and days and holds(minute, local.minute, 0, 59) and holds(hour, local.hour, 0, 23) \
                and holds(month, local.month, 1, 12):
            found.add(moment.timestamp())
        moment += timedelta(minutes=1)
    return found


@pytest.mark.parametrize(("cron", "zone", "named", "helps"), [
    ("61 6 * * *", "UTC", "'61' is no minute", "*/15"), ("0 6 * *", "UTC", "4 of five fields", "0 6 * * 1-5"),
    ("0 6 * * FRY", "UTC", "'FRY' is no day of week", ""), ("0 6 L * *", "UTC", "'L' is no day of month", ""),
    ("0 5/2 * * *", "UTC", "'5/2' is no hour", "5-59/15"), ("0 6 31 4 *", "UTC", "never comes", ""),
    ("@daily", "UTC", "1 of five fields", "MINUTE"),
    ("0 6 * * 1#2", "UTC", "'1#2' is no day of week", ""), ("*/0 * * * *", "UTC", "'*/0' is no minute", ""),
    ("0 6 * * *\n* * * * * evil", "UTC", "of five fields", ""),
    ("0 6 *\n* *", "UTC", "of five fields", ""), ("0 6 * * %", "UTC", "'%' is no day of week", ""),
    ("0 6 * * *", "Europe/Berlon", "no time zone 'Europe/Berlon'", "--zone Europe/Berlin"),
    ("0 6 * * *", "../../etc/passwd", "no time zone", "--zone"), ("0 6 * * *", "", "no time zone", "--zone"),
    ("0 6 * * *", "Europe", "no time zone", "--zone"),
])
def test_what_is_wrong_is_named_with_what_helps(cron: str, zone: str, named: str, helps: str) -> None:
    with pytest.raises(InputError) as caught:
        check(Schedule(cron, zone))
    assert named in caught.value.what
    assert helps in caught.value.remedy


SINCE = at("2026-11-28 06:00")


@pytest.mark.parametrize(("missed", "now", "start", "made_up", "kept"), [
    pytest.param("run", "2026-11-28 06:59", None, False, None, id="nothing is due"),
    pytest.param("run", "2026-11-28 07:00", "11-28 07:00", False, None, id="on time"),
    pytest.param("run", "2026-11-28 07:04", "11-28 07:00", False, None, id="a little late"),
    pytest.param("run", "2026-11-28 07:30", "11-28 07:00", True, None, id="missed: made up for"),
    pytest.param("skip", "2026-11-28 07:30", None, False, ("11-28 07:00", 1), id="missed: left"),
    pytest.param("run", "2026-11-28 10:30", "11-28 10:00", True, ("11-28 09:00", 3), id="four missed: one is made up for"),
    pytest.param("skip", "2026-11-28 10:00", "11-28 10:00", False, ("11-28 09:00", 3), id="three missed, and one is due"),
    pytest.param("run", "2026-11-28 05:00", None, False, None, id="a clock that was put back"),
    pytest.param("run", "2030-11-28 10:00", "11-28 10:00", False, ("01-18 21:00", 9999), id="years"),
])
def test_what_was_missed_is_made_up_for_at_most_once(missed: Missed, now: str, start: str | None, made_up: bool,
                                                     kept: tuple[str, int] | None) -> None:
    found = due(Schedule("0 * * * *", missed=missed), SINCE, at(now))
    assert (shown([found.start]) if found.start else [None]) == [start]
    assert found.made_up is made_up
    assert (found.missed and (shown([found.missed.at])[0], found.missed.count)) == kept


@pytest.mark.parametrize(("overlap", "running", "what"), [
    ("skip", "", "run"), ("skip", "old", "skipped"), ("queue", "old", "run"), ("cancel-old", "old", "run"),
])
def test_what_is_done_while_the_one_before_runs(overlap: Overlap, running: str, what: str) -> None:
    schedule, now = Schedule("0 * * * *", overlap=overlap), SINCE + 3600 + LATE
    made = decide(schedule, due(schedule, SINCE, now), now, running, "new")
    assert [(one.what, one.child) for one in made] == [(what, "old" if what == "skipped" else "new")]
    assert made[0] == Firing(SINCE + 3600, now, made[0].what, made[0].child)


@pytest.mark.parametrize(("cron", "zone", "local", "fields"), [
    ("0 6 * * MON-FRI", "UTC", "UTC", "0 6 * * 1-5"), ("0 6 * * 1-5", "Asia/Tokyo", "UTC", "0 * * * *"),
    ("0 6 * * 1-5", BERLIN, BERLIN, "0 * * * *"), ("30 2 * * *", BERLIN, "UTC", "0,30 * * * *"),
    ("0 6 * * *", "Asia/Kathmandu", "UTC", "15 * * * *"), ("0 6 * * *", LORD_HOWE, "UTC", "0,30 * * * *"),
    ("*/15 * * * *", BERLIN, "Asia/Kolkata", "0,15,30,45 * * * *"), ("* * * * *", BERLIN, "UTC", "* * * * *"),
])
def test_a_cron_without_zones_asks_at_each_minute_that_could_be(cron: str, zone: str, local: str, fields: str) -> None:
    assert crontab_fields(Schedule(cron, zone), ZoneInfo(local)) == fields


@settings(max_examples=60, deadline=None)
@given(cron=CRONS, zone=ZONES, local=ZONES, since=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 1)))
def test_the_line_comes_at_every_moment(cron: str, zone: str, local: str, since: datetime) -> None:
    schedule, start = Schedule(cron, zone), since.replace(tzinfo=UTC).timestamp()
    fields = crontab_fields(schedule, ZoneInfo(local)).split()
    if fields[1:] == ["*"] * 4:
        minutes = set(range(60)) if fields[0] == "*" else {
            minute for part in fields[0].split(",") for low, _, high in [part.partition("-")]
            for minute in range(int(low), int(high or low) + 1)}
        for moment in between(schedule, start, start + 86_400 * 40):
            assert datetime.fromtimestamp(moment, ZoneInfo(local)).minute in minutes


@pytest.mark.parametrize(("cron", "zone", "lines"), [
    ("0 6 * * 1-5", "UTC", ["Mon..Fri *-*-* 06:00:00 UTC"]),
    ("*/15 8-17 1 1,7 *", "UTC", ["*-01,07-01 08..17:00,15,30,45:00 UTC"]),
    ("0 0 13 * 5", "UTC", ["*-*-13 00:00:00 UTC", "Fri *-*-* 00:00:00 UTC"]),
    ("* * * * *", "UTC", ["*-*-* *:*:00 UTC"]), ("0 0 * * 6,0,2", "UTC", ["Tue,Sat,Sun *-*-* 00:00:00 UTC"]),
    ("30 2 * * *", BERLIN, ["*-*-* 02:30:00 Europe/Berlin", "*-03-* 03:00:00 Europe/Berlin"]),
])
def test_systemd_is_told_in_its_own_words(cron: str, zone: str, lines: list[str]) -> None:
    assert calendar_lines(Schedule(cron, zone)) == lines
