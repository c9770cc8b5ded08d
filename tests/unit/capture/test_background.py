"""What waits or runs by itself: the user's code is followed, the machinery that runs it is not."""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import threading
import time
import types
import weakref
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest
from IPython.utils.text import SList
from joblib import Parallel, delayed

from mlops_jupyter.capture.background import Background, running
from mlops_jupyter.fingerprint import footprint


class Held:
    pass


def test_a_loop_that_runs_in_a_thread_is_machinery() -> None:
    """`%%bash` leaves one: followed, it led to the shell, and every name was compared at every cell."""
    background = Background()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        codes = [live[0].co_name for root in background.roots() if (live := running(root)) is not None]
        assert not {"run_forever", "_run_once", "select"} & set(codes)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


def test_a_function_of_the_user_s_in_a_thread_is_followed() -> None:
    background, gate, began = Background(), threading.Event(), threading.Event()

    def waits() -> None:
        began.set()
        gate.wait(5)

    thread = threading.Thread(target=waits, daemon=True)
    thread.start()
    began.wait(5)
    try:
        assert "waits" in [live[0].co_name for root in background.roots() if (live := running(root)) is not None]
    finally:
        gate.set()
        thread.join(5)


def test_pools_of_processes_that_have_nothing_to_do_lead_nowhere() -> None:
    """After `n_jobs=2` loky's threads live on: followed, they led to every function that a cell had imported."""
    background = Background()
    Parallel(n_jobs=2)(delayed(abs)(number) for number in range(2))
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        pool.submit(abs, 1).result()
        assert background.roots() == []


def test_what_a_pool_of_processes_calls_back_is_followed() -> None:
    background, rows = Background(), [1]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        future = pool.submit(time.sleep, 0.5)
        future.add_done_callback(rows.append)
        assert any(getattr(root, "__self__", None) is rows for root in background.roots())


def test_finalizers_of_the_user_s_own_are_followed_and_a_library_s_are_not() -> None:
    background, held, rows = Background(), Held(), [1]
    ends = [weakref.finalize(held, rows.append, 2), weakref.finalize(held, waits_for_nobody)]
    try:
        assert any(getattr(root, "__self__", None) is rows for root in background.roots(lambda: {id(rows)}))
        assert not any(getattr(root, "__self__", None) is rows for root in background.roots())
        assert waits_for_nobody in background.roots()
    finally:
        for end in ends:
            end.detach()


def waits_for_nobody() -> None:
    """A function of a module of the user's."""


def test_an_exception_leads_to_none_of_what_its_frames_hold() -> None:
    everything = [[number] for number in range(2_000)]
    try:
        raise ValueError(len(everything))
    except ValueError as error:
        shared = footprint(error)
    assert shared.complete
    assert len(shared.ids) < 20
    assert id(everything) not in shared.ids


class Kernel:
    """As the shell, it holds everything."""


Kernel.__module__ = "IPython.core.interactiveshell"


def test_a_pool_of_threads_shares_what_its_threads_were_given_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each thread keeps the hook for its errors, which is the shell's: a pool shared every name there was."""
    shell, everything, rows = Kernel(), [1], [2]
    shell.names = everything
    monkeypatch.setattr(sys, "excepthook", types.MethodType(lambda self, *error: None, shell))
    with ThreadPoolExecutor(1) as pool:
        pool.submit(rows.append, 3).result()
    assert id(everything) not in footprint(pool).ids
    assert id(rows) in footprint(threading.Thread(target=rows.append, args=(4,))).ids


def test_what_leads_to_the_shell_leads_no_further() -> None:
    shell, everything = Kernel(), [1]
    shell.names = everything
    for leads in ([shell], types.MethodType(print, shell), lambda: shell):
        assert id(everything) not in footprint(leads).ids


def test_values_of_classes_of_ipython_are_values() -> None:
    """`!ls` shows an `SList`, which `Out` holds and a name may (notebook 9000024 of oracle.py)."""
    listed = SList(["a"])
    assert id(listed) in footprint({1: listed}).ids
