"""What unit tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from IPython.core.interactiveshell import InteractiveShell

from mlops_jupyter.magics import register, unregister


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    """IPython in this process, with our extension loaded."""
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    register(shell)
    yield shell
    unregister(shell)
    InteractiveShell.clear_instance()
