"""What the browser did in each frame, from its own trace: script, styles and layout of the page's main thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page

CATEGORIES = ["devtools.timeline", "disabled-by-default-devtools.timeline.frame", "blink.user_timing"]
WORK = {"FunctionCall", "EvaluateScript", "EventDispatch", "FireAnimationFrame", "TimerFire", "Layout", "UpdateLayoutTree",
        "RunMicrotasks", "FireIdleCallback", "HitTest", "v8.callFunction", "MinorGC", "MajorGC",
        "IntersectionObserverController::computeIntersections"}
FRAME = "BeginMainThreadFrame"


class Frames(list[float]):
    """Milliseconds of each frame in which something was done; filled when the trace has ended."""

    def at(self, share: float) -> float:
        """A quantile; 0.0 without a frame."""
        return sorted(self)[min(len(self) - 1, int(share * len(self)))] if self else 0.0


@contextmanager
def traced(page: Page) -> Iterator[Frames]:
    """Trace what is done to the page meanwhile."""
    session, events, done, found = page.context.new_cdp_session(page), list[dict[str, object]](), list[bool](), Frames()
    session.on("Tracing.dataCollected", lambda data: events.extend(data["value"]))
    session.on("Tracing.tracingComplete", lambda _: done.append(True))
    session.send("Tracing.start", {"traceConfig": {"includedCategories": CATEGORIES}, "transferMode": "ReportEvents"})
    yield found
    session.send("Tracing.end")
    while not done:
        page.wait_for_timeout(20)
    session.detach()
    found += frames(events)


def frames(events: list[dict[str, object]]) -> list[float]:
    """The work of each frame of the thread that has most of them: from one begin of a frame to the next, nested work once.

    By the thread's own clock, which stands while other processes have the core: it is the page that is measured.
    """
    begins: dict[tuple[object, object], list[float]] = {}
    for event in events:
        if event["name"] == FRAME:
            begins.setdefault((event["pid"], event["tid"]), []).append(float(str(event["ts"])))
    if not begins:
        return []
    thread = max(begins, key=lambda key: len(begins[key]))
    spans = sorted((float(str(event["ts"])), float(str(event.get("dur", 0))), float(str(event.get("tdur", event.get("dur", 0)))))
                   for event in events
                   if event["name"] in WORK and event.get("ph") == "X" and (event["pid"], event["tid"]) == thread)
    edges = [*sorted(begins[thread]), float("inf")]
    sums, end, place = [0.0] * (len(edges) - 1), 0.0, -1
    for start, lasted, worked in spans:
        while place + 1 < len(edges) - 1 and edges[place + 1] <= start:
            place += 1
        if place >= 0 and start >= end:
            end = start + lasted
            sums[place] += worked / 1000
    return [each for each in sums if each > 0]
