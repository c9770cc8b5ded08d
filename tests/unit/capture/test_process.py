"""Options of the process and of packages: whose change is the user's, and whose a library's that was imported."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

from mlops_jupyter.capture.process import ProcessState


def add_module(monkeypatch: pytest.MonkeyPatch, name: str, **attributes: object) -> None:
    module = types.ModuleType(name)
    vars(module).update(attributes)
    monkeypatch.setitem(sys.modules, name, module)


def test_an_option_that_was_set_is_told_once() -> None:
    state = ProcessState()
    assert state.changed() == []
    with np.printoptions(precision=3):
        assert state.changed() == ["$env numpy"]
        assert state.changed() == []
    assert state.changed() == ["$env numpy"]


def test_what_an_installed_library_sets_when_it_is_imported_is_not_the_user_s(monkeypatch: pytest.MonkeyPatch) -> None:
    state = ProcessState()
    add_module(monkeypatch, "some_library", __file__="/usr/lib/python3/site-packages/some_library.py")
    monkeypatch.setenv("SOME_LIBRARY_LEVEL", "1")
    assert state.changed() == []


@pytest.mark.parametrize("name", ["IPython.core.magics.not_there_yet", "wave.not_there_yet", "mlops_jupyter.not_there_yet"])
def test_modules_that_are_loaded_when_first_asked_for_hide_no_change(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    state = ProcessState()
    add_module(monkeypatch, name)
    monkeypatch.setenv("LEVEL_OF_A_TEST", "1")
    assert state.changed() == ["$env *"]
