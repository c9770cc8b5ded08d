"""Tracking changes nothing that a user sees: outputs, exceptions and random numbers are those of an untracked kernel."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.integration.real_kernel import Kernel


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "work"
    place.mkdir()
    return place


CELLS = [
    "import random, warnings\nrandom.seed(1)\nx = [1, 2]\nprint('out')\nprint('err', file=__import__('sys').stderr)\nx",
    "import numpy as np\nnp.random.seed(2)\nnp.random.rand(3)",
    "random.random(), np.random.randn(), np.random.randn()",
    ("from IPython.display import display, HTML, Markdown\ndisplay(HTML('<b>b</b>'), Markdown('*m*'))\n"
    "handle = display('a', display_id='d1')\nhandle.update('b')"),
    "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2]})\ndf.a.sum()\ndf",
    "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
    "x.append(3)\nraise ValueError('no ' + str(x))",
    "def f(:\n",
    "%%capture c\nprint('captured')\ndf",
    "c.stdout",
    "%%time?",
    "df;",
    "get_ipython().run_cell('inner = 5\\ninner')\ninner",
    "import sys\nsys.stdout.write('raw')\nsorted(k for k in vars(sys.stdout) if k == 'write')",
    "class Bad:\n    def __repr__(self):\n        raise RuntimeError('repr')\nBad()",
    "import asyncio\nawait asyncio.sleep(0)\nprint('async')",
    "import pickle, random\nlen(pickle.dumps(random.getstate()))",
    "!echo shell",
    "for i in range(3):\n    print(i, end=' ')\n",
    "random.random()",
]


def visible(message: dict[str, object]) -> dict[str, object]:
    """A message without what differs from run to run."""
    clean = json.loads(json.dumps(message))
    data = clean.get("data")
    if isinstance(data, dict):
        clean["data"] = {mime: text for mime, text in data.items() if mime != "image/png"}
        clean["pictures"] = sorted(mime for mime in data if mime == "image/png")
        clean["data"] = {mime: _without_addresses(text) for mime, text in clean["data"].items()}
    if "traceback" in clean:
        clean["traceback"] = [_without_addresses(line) for line in clean["traceback"]]
    return clean  # type: ignore[no-any-return]


def _without_addresses(text: object) -> object:
    changing = r"0x[0-9a-f]+|at [0-9a-f]{6,}|ipykernel_\d+/\d+|execution_count=\d+"
    return re.sub(changing, "@", text) if isinstance(text, str) else text


def joined(messages: list[dict[str, object]]) -> list[dict[str, object]]:
    """Stream messages that follow each other as one: where they are cut is a matter of time."""
    found: list[dict[str, object]] = []
    for message in map(visible, messages):
        if found and message["type"] == "stream" == found[-1]["type"] and message["name"] == found[-1]["name"]:
            found[-1]["text"] = f"{found[-1]['text']}{message['text']}"
        else:
            found.append(message)
    return found


def by_stream(messages: list[dict[str, object]]) -> list[object]:
    """Order within each stream; stdout and stderr may interleave either way."""
    rest = [message for message in messages if message["type"] != "stream"]
    return [*({name: "".join(str(m["text"]) for m in messages if m.get("name") == name)} for name in ("stdout", "stderr")), *rest]


def test_nothing_that_the_user_sees_changes(tmp_path: Path, folder: Path) -> None:
    plain = Kernel(folder, tmp_path / "a")
    tracked = Kernel(folder, tmp_path / "b")
    try:
        tracked.track()
        for source in CELLS:
            expected, found = (by_stream(joined(kernel.run(source))) for kernel in (plain, tracked))
            assert found == expected, source
        outputs = {output.kind for execution in tracked.executions() for output in execution.outputs}
        assert outputs == {"stream", "result", "display"}
        plot = next(one for one in tracked.executions() if "plt.show" in one.source)
        picture = next(output for output in plot.outputs if output.mime == "image/png")
        assert picture.blob
        assert next(tracked.state.glob(f"*/outbox/blobs/{picture.blob.removeprefix('sha256:')}")).exists()
        drawing = next(one for one in tracked.executions() if one.source.startswith("random.random(), np"))
        assert drawing.random is not None
        assert set(drawing.random.drew) == {"python", "numpy"}
        seeding = tracked.executions()[0]
        assert seeding.random is not None
        assert seeding.random.seeded == ("python",)
        shown = {output.text for one in tracked.executions() for output in one.outputs}
        assert "out\n" in shown
        assert "err\n" in shown
        assert "[1, 2]" in shown
    finally:
        plain.close()
        tracked.close()
