"""The command that installs the kernel part is one that can be pasted, for that very kernel."""

from __future__ import annotations

import sys

import pytest

from mlops_jupyter.server import kernels
from mlops_jupyter.server.kernels import install_command, interpreter


@pytest.mark.parametrize(("argv", "words"), [
    (["/envs/a b/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"], ["/envs/a b/bin/python"]),
    (["conda", "run", "-n", "ml", "python", "-m", "ipykernel_launcher"], ["conda", "run", "-n", "ml", "python"]),
    (["python3", "-m", "ipykernel_launcher"], [sys.executable]),
    (["xeus-something"], [sys.executable]),
])
def test_the_interpreter_of_a_kernel_is_found_in_its_spec(argv: list[str], words: list[str]) -> None:
    assert interpreter(argv) == words


def test_the_command_is_quoted_and_names_what_this_server_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "requirement", lambda: "mlops_jupyter==0.1.0")
    command = install_command(["/envs/a b/bin/python", "-m", "ipykernel_launcher"])
    assert command == "'/envs/a b/bin/python' -m pip install mlops_jupyter==0.1.0"
