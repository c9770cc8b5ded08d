"""A Dask cluster: where one machine is not enough. Bundle and files are uploaded with the task, what an attempt made comes back.

A submission is a task under a name that is published on the scheduler, so it outlives whoever made it, and any later process
finds it there. Whoever sees that it has ended writes what came back to the submission's folder, with a note of how it ended, and
takes the task off the scheduler; from then on the note answers. What was on a worker that is lost runs again on another: that is
Dask's own doing, and an attempt is a writer.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import ClassVar, NamedTuple

import cloudpickle
import dask
import msgspec
from distributed import Client, Future, Security
from distributed.core import connect

from mlops_jupyter.entities import InputError, NotFoundError, Sight, StoreError
from mlops_jupyter.jobs.runners import About, Order, States, dask_worker, spelled
from mlops_jupyter.jobs.runners.dask_parcels import LOG, Cargo, Place, cargoes, note, noted, place_of, read, taken
from mlops_jupyter.jobs.runners.dask_worker import Job, Left

ANSWER = 10.0
"""Seconds within which a scheduler answers."""
_FETCH = 600.0  # seconds that what a task left may take on its way
_TRIES = 2  # further ones, where a worker could not start the job at all: its disk is full, say
_WAITS = {"queued", "waiting"}
_START = "start one: dask scheduler; on each machine: dask worker tcp://HOST:8786 --nthreads 1; then --set address=tcp://HOST:8786"


class DaskOptions(msgspec.Struct, frozen=True, rename="kebab"):
    """Where the cluster is: `address`, or a `scheduler_file`, else what Dask's own configuration says.

    `program` is how `mlops` is called on a worker, if not by the worker's interpreter; `resources` what a worker must have
    (`GPU=1`); `upload_limit` how many bytes one submission may upload.
    """

    address: str = ""
    scheduler_file: str = ""
    program: str = ""
    resources: str = ""
    upload_limit: int = 64 * 1024 * 1024


class Code(NamedTuple):
    """The functions of dask_worker, made so that they travel with their text: a worker needs nothing of ours to have them."""

    run: Callable[..., Left]
    same: Callable[[bytes], bytes]
    begun: Callable[..., dict[str, float]]
    stop: Callable[..., list[str]]
    log_of: Callable[..., bytes]


class DaskRunner:
    """Runs jobs on the workers of a Dask cluster."""

    about: ClassVar[About] = About(
        title="a Dask cluster", bundle="uploaded with the task, kept by digest on each worker",
        environment="the worker's own interpreter, or --set program=PATH/TO/mlops",
        inputs="files of this machine are uploaded; addresses are read by the worker",
        results="come back as the task's result once somebody looks; to a store that is a server or a database, while it runs",
        extra="dask", ends_last=True)
    states: ClassVar[States] = {
        "released": "queued", "waiting": "queued", "no-worker": "queued", "queued": "queued", "processing": "queued",
        "executing": "running", "done": "succeeded", "exited": "failed", "erred": "failed", "killed": "died",
        "cancelled": "cancelled"}
    Options: ClassVar[type[msgspec.Struct]] = DaskOptions

    def __init__(self, options: DaskOptions | None = None) -> None:
        """Nothing is asked of the cluster yet."""
        self._options = options or DaskOptions()
        self._program = shlex.split(self._options.program)
        self._resources = _amounts(self._options.resources)

    def preview(self, orders: Sequence[Order]) -> str:
        """What is uploaded, and the commands. The scheduler is not asked."""
        loads = cargoes(orders, self._options.upload_limit)
        lines = [f"the Dask scheduler {self._address()}"]
        lines += [f"only workers with {self._options.resources}"] if self._resources else []
        lines += dict.fromkeys(f"uploads {line}" for load in loads for line in load.uploads())
        program = self._program or ["mlops"]
        commands = [spelled([*program, *load.shown(order)], order.env) for order, load in zip(orders, loads, strict=True)]
        return "".join(f"{line}\n" for line in [*(f"# {line}" for line in lines), *commands])

    def submit(self, orders: Sequence[Order]) -> list[str]:
        """One task each, published."""
        address = self._address()
        loads = cargoes(orders, self._options.upload_limit)
        places = [place_of(order, address) for order in orders]
        with _asking(address) as client:
            futures: list[Future] = []
            for load in {id(load): load for load in loads}.values():
                mine = [number for number, its in enumerate(loads) if its is load]
                bundle, *files = self._upload(client, [(load.digest, load.bundle), *load.files.items()])
                told, keys = [self._told(orders[number], load) for number in mine], [places[number].key for number in mine]
                futures += client.map(code().run, told, key=keys, digest=load.digest, bundle=bundle,
                                      files=dict(zip(load.files, files, strict=True)), pure=False, retries=_TRIES,
                                      resources=self._resources or None)
            client.publish_dataset(**{f"{future.key[0]}-{future.key[1]}": future for future in futures})
        return [place.spelled() for place in places]

    def _upload(self, client: Client, uploads: Sequence[tuple[str, bytes]]) -> list[Future]:
        """A task for each file, that has it as long as somebody needs it. Dask would warn of its size."""
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": 2 * self._options.upload_limit}):
            return [client.submit(code().same, data, key=("mlops-upload", digest)) for digest, data in uploads]

    def _told(self, order: Order, load: Cargo) -> Callable[[], Job]:
        """What the task is told: as a function, so that no log of Dask shows a secret."""
        job = Job(submission=order.submission, program=self._program, command=load.command(order),
                  env={**order.env, **order.secrets}, inputs=load.names)
        return lambda: job

    def _address(self) -> str:
        options = self._options
        found = options.address or ("" if options.scheduler_file else str(dask.config.get("scheduler-address", None) or ""))
        if options.scheduler_file and not found:
            try:
                found = str(json.loads(Path(options.scheduler_file).read_bytes())["address"])
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise InputError(f"{options.scheduler_file} is no scheduler file of Dask: {error}", _START) from None
        if not found:
            raise InputError("the runner dask needs the address of a scheduler", _START)
        return found if "://" in found else f"tcp://{found}"

    def status(self, places: Sequence[str]) -> list[Sight]:
        """The scheduler's word, and the workers' on what has begun. What came back is written down."""
        found = [read(place) for place in places]
        sights = {one: sight for one in found if (sight := noted(one)) is not None}
        for client, asked in _by_scheduler([one for one in found if one not in sights]):
            words = _words(client, asked)
            if _WAITS & set(words.values()) and not client.nthreads():
                words = {one: "no-worker" if word in _WAITS else word for one, word in words.items()}
            began = _begun(client, [one for one in asked if words[one] == "processing"])
            sights |= {one: _seen(client, one, words[one], began.get(one.submission)) for one in asked}
        return [sights[one] for one in found]

    def cancel(self, places: Sequence[str]) -> None:
        """Those that run are asked to stop, and say themselves how they ended; those that wait are taken back."""
        for client, asked in _by_scheduler([one for one in map(read, places) if noted(one) is None]):
            words = _words(client, asked)
            open_ = [one for one in asked if words[one] not in {"memory", "erred"}]
            told = client.run(code().stop, [one.submission for one in open_], on_error="ignore")
            stopping = {running for each in told.values() for running in each}
            for one in (one for one in open_ if one.submission not in stopping):
                note(one, Sight("cancelled", detail="cancelled before it began"))
                client.unpublish_dataset(one.name)

    def logs(self, place: str) -> str:
        """From the worker while it runs, else what came back."""
        one = read(place)
        if noted(one) is None:
            for client, _ in _by_scheduler([one]):
                word = _words(client, [one])[one]
                if word == "processing":
                    parts = client.run(code().log_of, one.submission, workers=_holders(client, [one]), on_error="ignore")
                    return b"".join(parts.values()).decode("utf-8", "replace")
                _seen(client, one, word, None)
        log = one.folder / LOG
        return log.read_text("utf-8", "replace") if log.exists() else ""


def _amounts(text: str) -> dict[str, float]:
    """`GPU=1,LICENCE=2`. InputError for what is no such list."""
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, amount = part.partition("=")
        try:
            found[name.strip()] = float(amount)
        except ValueError:
            raise InputError(f"resources: {part!r} is no NAME=AMOUNT", "--set resources=GPU=1") from None
    return found


@cache
def code() -> Code:
    """Once per process."""
    cloudpickle.register_pickle_by_value(dask_worker)
    try:
        made = cloudpickle.loads(cloudpickle.dumps([getattr(dask_worker, name) for name in Code._fields]))
    finally:
        cloudpickle.unregister_pickle_by_value(dask_worker)
    return Code(*made)


def client_of(address: str) -> Client:
    """The one of this process for a scheduler, open as long as the process lives: it is asked in milliseconds."""
    client = _opened(address, os.getpid())
    if client.status != "running":  # the scheduler was gone meanwhile
        _opened.cache_clear()
        client = _opened(address, os.getpid())
    return client


@cache
def _opened(address: str, _process: int) -> Client:
    """No connection crosses a fork."""
    with ThreadPoolExecutor(1) as thread:  # the caller's may have a loop that runs
        thread.submit(asyncio.run, _speaks(address)).result()
    return Client(address, timeout=ANSWER, set_as_default=False, name="mlops")


async def _speaks(address: str) -> None:
    """Raises unless a Dask server is there: where it is none, or cannot be, one is not rid of a client for long."""
    async with asyncio.timeout(ANSWER + 1):
        comm = await connect(address, timeout=ANSWER, **Security().get_connection_args("client"))
        await comm.close()


@contextmanager
def _asking(address: str) -> Iterator[Client]:
    """A client of the scheduler. StoreError if it does not answer, InputError for what is no address."""
    try:
        client = client_of(address)
    except (ValueError, TypeError) as error:
        raise InputError(f"{address} cannot be used as a Dask scheduler: {error}", "--set address=tcp://HOST:8786; for tls://, "
                         "certificates come from Dask's own configuration: distributed.comm.tls") from None
    except OSError as error:
        raise _no_answer(address, error) from None
    try:
        yield client
    except OSError as error:
        raise _no_answer(address, error) from None


def _no_answer(address: str, error: OSError) -> StoreError:
    said = str(error) or f"nothing there speaks as Dask does within {ANSWER:g} s"
    return StoreError(f"the Dask scheduler {address} does not answer: {said}", f"look at the address, or {_START}")


def _by_scheduler(places: Sequence[Place]) -> Iterator[tuple[Client, list[Place]]]:
    for address in dict.fromkeys(one.address for one in places):
        with _asking(address) as client:
            yield client, [one for one in places if one.address == address]


def _words(client: Client, places: Sequence[Place]) -> dict[Place, str]:
    """The scheduler's word for each. NotFoundError for one that it does not know."""
    found = client.sync(client.scheduler.get_task_status, keys=[one.key for one in places])
    for one in places:
        if found[one.key] is None:
            raise NotFoundError(f"the Dask scheduler {one.address} does not know submission {one.submission}",
                                "it may have been started anew since; mlops submissions list")
    return {one: str(found[one.key]) for one in places}


def _holders(client: Client, places: Sequence[Place]) -> list[str]:
    """Workers that these were given to."""
    keys = {one.key for one in places}
    return [worker for worker, held in client.processing().items() if keys & set(held)]


def _begun(client: Client, places: Sequence[Place]) -> dict[str, float]:
    """Submission → since when it runs. A worker may have more than it has begun with."""
    if not places:
        return {}
    told = client.run(code().begun, [one.submission for one in places], workers=_holders(client, places), on_error="ignore")
    return {submission: at for each in told.values() for submission, at in each.items()}


def _seen(client: Client, one: Place, word: str, began: float | None) -> Sight:
    """How it stands. At its end, what came back is written down, and only then the scheduler need not keep it."""
    if word == "processing" and began is not None:
        return Sight("executing", started=began)
    if word == "no-worker":
        return Sight(word, detail="the cluster has no worker for it")
    if word not in {"memory", "erred"}:
        return Sight(word)
    try:
        sight = note(one, _end(client, one, word))
    except InputError as error:
        return Sight("executing", detail=f"it has ended, but {error.what}")
    client.unpublish_dataset(one.name)
    return sight


def _end(client: Client, one: Place, word: str) -> Sight:
    future: Future = client.get_dataset(one.name)
    if word == "memory":
        return taken(one, future.result(timeout=_FETCH))
    error = future.exception(timeout=_FETCH)
    kind = type(error).__name__
    return Sight("killed" if kind == "KilledWorker" else "erred", detail=f"{kind}: {error}")
