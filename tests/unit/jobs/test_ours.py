"""Nothing of ours is left in a job, and the rest of the cell is as it was typed."""

from __future__ import annotations

import pytest

from mlops_jupyter.entities import InputError
from mlops_jupyter.jobs.ours import cut_ours, without_our_magics
from mlops_jupyter.jobs.source import apply


@pytest.mark.parametrize(("source", "left"), [
    ("%load_ext mlops_jupyter\n%mlops track --experiment x\nx = 1", "x = 1"),
    ("%mlopsy\n%load_ext mlops_jupyter_other\nx = 1", "%mlopsy\n%load_ext mlops_jupyter_other\nx = 1"),
    ("%%mlops skip\nx = 1", "x = 1"),
    ("if x:\n    %mlops status\ny = 2", "if x:\n    pass\ny = 2"),
    ("import mlops_jupyter as mlops\nmlops.log_metric('a', 1)\nx = 1", "x = 1"),
    ("import mlops_jupyter\nmlops_jupyter.log_metric('a', 1)\nx = 1", "x = 1"),
    ("import os, mlops_jupyter as m, sys\nm.log_params({})\nx = os", "import os, sys\nx = os"),
    ("from mlops_jupyter import log_metric as log\nlog(\n    'a',\n    1,\n)  # said\nx = 1", "x = 1"),
    ("import mlops_jupyter as m\nfor i in r:\n    m.log_metric('a', i)\nx = 1", "for i in r:\n    pass\nx = 1"),
    ("import mlops_jupyter as m\nwith m.start_run('a'):\n    x = 1\n", "with_replaced"),
    ("import mlops_jupyter as m\nrun = m.start_run('a')\nx = 1\nrun.end()", "x = 1\n"),
    ("import mlops_jupyter as m; x = 1; m.log_metric('a', x); y = 2", "x = 1; y = 2"),
    ("import mlops_jupyter as m; m.start_run(); y = 2", "y = 2"),
    ("import mlops_jupyter as m; m.start_run()", ""),
    ("get_ipython().run_line_magic('mlops', 'track')\nx = 1", "x = 1"),
    ("mlops = 3\nprint(mlops)", "mlops = 3\nprint(mlops)"),
    ("é = 'é'; import mlops_jupyter as m; m.log_metric('é', é)", "é = 'é'"),
])
def test_ours_goes_and_the_rest_stays(source: str, left: str) -> None:
    left = "if True:\n    x = 1\n" if left == "with_replaced" else left
    assert apply(source, cut_ours({1: source})[1]) == left


def test_names_imported_in_one_cell_are_cut_in_another() -> None:
    edits = cut_ours({1: "import mlops_jupyter as m", 4: "m.log_metric('a', 1)\nx = 1"})
    assert apply("m.log_metric('a', 1)\nx = 1", edits[4]) == "x = 1"


@pytest.mark.parametrize("source", ["x = f(m.runs())", "x = [m]", "if m.runs():\n    x = 1", "def f():\n    return m.runs()",
                                    "x = m.runs()\nx = 2\nprint(x)"])
def test_code_that_goes_on_with_a_value_of_ours_is_refused_by_line(source: str) -> None:
    with pytest.raises(InputError, match=r"cell \[2\], line \d"):
        cut_ours({1: "import mlops_jupyter as m", 2: source})


def test_in_a_verification_only_the_magics_go() -> None:
    assert without_our_magics("%mlops track\nmlops.log_metric('a', 1)") == "mlops.log_metric('a', 1)"
