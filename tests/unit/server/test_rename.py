"""A notebook that is renamed keeps its experiment, its sessions and its runs."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from jupyter_client.manager import AsyncKernelManager
from jupyter_server.serverapp import ServerApp
from tornado.httpclient import HTTPResponse

from tests.unit.server.ledger_pen import Api, Writer

Fetch = Callable[..., Awaitable[HTTPResponse]]


async def rename(fetch: Fetch, old: str, new: str) -> None:
    await fetch("api", "contents", *old.split("/"), method="PATCH", body=json.dumps({"path": new}))


async def session_at(api: Api, path: str) -> dict[str, object] | None:
    """The session that the panel would show for the notebook at `path`; a rename is followed a moment later."""
    for _ in range(100):
        live = await api.get("live", kernel="another", path=path)
        assert isinstance(live, dict)
        if live["session"] is not None:
            return dict(live["session"])
        await asyncio.sleep(0.02)
    return None


@pytest.mark.parametrize("as_file", [False, True], ids=["contents path", "file path"])
async def test_a_rename_keeps_the_experiment(api: Api, jp_fetch: Fetch, jp_root_dir: Path,
                                             jp_create_notebook: Callable[[str], object], as_file: bool) -> None:
    jp_create_notebook("analysis.ipynb")
    writer = Writer(str(jp_root_dir / "analysis.ipynb") if as_file else "analysis.ipynb")
    writer.story()
    before = await session_at(api, "analysis.ipynb")
    assert before is not None
    await rename(jp_fetch, "analysis.ipynb", "study.ipynb")
    after = await session_at(api, "study.ipynb")
    assert after is not None
    assert after["id"] == writer.session.id
    assert after["experiment_id"] == before["experiment_id"]
    # The kernel goes on under the name that it knows, and ends under it.
    writer.cell(6, "more = 1")
    writer.record(msgspec.structs.replace(writer.session, state="ended", ended=time.time()))
    writer.outbox.close()
    ended = await session_at(api, "study.ipynb")
    assert ended is not None
    assert (ended["id"], ended.get("state")) == (writer.session.id, "ended")


async def test_a_new_notebook_at_the_old_path_is_another_one(api: Api, jp_fetch: Fetch,
                                                            jp_create_notebook: Callable[[str], object]) -> None:
    jp_create_notebook("Untitled.ipynb")
    first = Writer("Untitled.ipynb")
    first.story()
    before = await session_at(api, "Untitled.ipynb")
    assert before is not None
    first.outbox.close()
    await rename(jp_fetch, "Untitled.ipynb", "study.ipynb")
    assert await session_at(api, "study.ipynb")
    second = Writer("Untitled.ipynb", kernel="22222222-2222-3333-4444-555555555555")
    second.story()
    after = await session_at(api, "Untitled.ipynb")
    assert after is not None
    assert after["id"] == second.session.id
    assert after["experiment_id"] != before["experiment_id"]
    second.outbox.close()


async def test_a_folder_that_is_renamed_takes_its_notebooks_along(api: Api, jp_fetch: Fetch,
                                                                 jp_create_notebook: Callable[[str], object]) -> None:
    jp_create_notebook("old/analysis.ipynb")
    writer = Writer("old/analysis.ipynb")
    writer.story()
    assert await session_at(api, "old/analysis.ipynb")
    await rename(jp_fetch, "old", "new")
    after = await session_at(api, "new/analysis.ipynb")
    assert after is not None
    assert after["id"] == writer.session.id
    writer.outbox.close()


async def start_kernel(fetch: Fetch, app: ServerApp, notebook: str) -> tuple[str, AsyncKernelManager]:
    """A kernel for a notebook, started as JupyterLab does."""
    asked = {"path": notebook, "name": notebook, "type": "notebook", "kernel": {"name": "python3"}}
    answer = await fetch("api", "sessions", method="POST", body=json.dumps(asked))
    kernel_id = json.loads(answer.body)["kernel"]["id"]
    return kernel_id, app.kernel_manager.get_kernel(kernel_id)


async def changed(file: Path, before: dict[str, object]) -> dict[str, object]:
    """The connection file once it is another than before."""
    for _ in range(100):
        after = json.loads(file.read_text())
        if after != before:
            return dict(after)
        await asyncio.sleep(0.02)
    return before


async def test_a_kernel_learns_the_new_name_of_its_notebook(api: Api, jp_serverapp: ServerApp, jp_fetch: Fetch, jp_root_dir: Path,
                                                            jp_create_notebook: Callable[[str], object]) -> None:
    jp_create_notebook("Untitled.ipynb")
    await api.get("status")
    kernel_id, kernel = await start_kernel(jp_fetch, jp_serverapp, "Untitled.ipynb")
    file = Path(kernel.connection_file)
    before = json.loads(file.read_text())
    assert before["jupyter_session"] == str(jp_root_dir / "Untitled.ipynb")
    await rename(jp_fetch, "Untitled.ipynb", "study.ipynb")
    assert await changed(file, before) == {**before, "jupyter_session": str(jp_root_dir / "study.ipynb")}
    assert file.stat().st_mode & 0o077 == 0
    assert kernel._launch_args["env"]["JPY_SESSION_NAME"] == str(jp_root_dir / "study.ipynb")
    await jp_fetch("api", "kernels", kernel_id, method="DELETE")


async def test_a_notebook_named_before_it_is_tracked_is_recorded_so(api: Api, jp_serverapp: ServerApp, jp_fetch: Fetch,
                                                                   jp_root_dir: Path,
                                                                   jp_create_notebook: Callable[[str], object]) -> None:
    jp_create_notebook("Untitled.ipynb")
    await api.get("status")
    kernel_id, kernel = await start_kernel(jp_fetch, jp_serverapp, "Untitled.ipynb")
    before = json.loads(Path(kernel.connection_file).read_text())
    await rename(jp_fetch, "Untitled.ipynb", "study.ipynb")
    await changed(Path(kernel.connection_file), before)
    client = kernel.client()
    client.start_channels()
    await client.wait_for_ready(timeout=30)
    reply = await client.execute_interactive("%load_ext mlops_jupyter\n%mlops track", timeout=30)
    client.stop_channels()
    assert reply["content"]["status"] == "ok"
    live = await api.get("live", kernel=kernel_id)
    await jp_fetch("api", "kernels", kernel_id, method="DELETE")
    assert isinstance(live, dict)
    assert live["session"]["notebook"]["path"] == str(jp_root_dir / "study.ipynb")
    assert live["session"]["experiment"] == "study"
