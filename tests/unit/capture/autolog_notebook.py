"""A real shell with capture's calls installed, for the tests of what is seen of a library.

`FUNCTIONS` marks what only sys.monitoring (Python ≥ 3.12) sees: calls inside the user's functions.
"""

import sys
import textwrap

from IPython.core.interactiveshell import InteractiveShell

from mlops_jupyter import plugins
from mlops_jupyter.capture import calls
from mlops_jupyter.capture.imports import ImportHooks

FUNCTIONS = sys.version_info >= (3, 12)


class Notebook:
    """A real shell with the mechanism installed, and an Observer that keeps drafts in a list."""

    def __init__(self):
        self.shell = InteractiveShell()
        self.drafts = []
        self.listeners = []
        calls.install(self.shell, lambda name: "ipython-input" in name or "ipykernel" in name, self._emit)
        self.imports = ImportHooks(lambda step: step())
        self.imports.install()
        for name in plugins.available(plugins.AUTOLOG):
            self.imports.after(name, lambda module: plugins.load(plugins.AUTOLOG, module.__name__).attach(self))

    def _emit(self, call):
        for listener in self.listeners:
            listener(call)

    def listen(self, listener):
        self.listeners.append(listener)

    def observe(self, draft):
        self.drafts.append(draft)
        return f"s:1:{len(self.drafts)}"

    def name_of(self, value):
        return next((name for name, item in self.shell.user_ns.items() if item is value and not name.startswith("_")), "")

    def run(self, source):
        """The drafts of one cell. What failed inside capture is raised, and so is what the cell raised."""
        calls.before_cell(source)
        first = len(self.drafts)
        result = self.shell.run_cell(textwrap.dedent(source), store_history=True)
        calls.after_cell()
        calls.before_cell("raise what failed")
        result.raise_error()
        return self.drafts[first:]

    def key(self, draft):
        return f"s:1:{next(at for at, each in enumerate(self.drafts, 1) if each is draft)}"

    def close(self):
        calls.remove()
        self.imports.remove()
        self.shell.history_manager.end_session()


def kinds(drafts):
    return [(draft.kind, draft.name) for draft in drafts]


def values(drafts):
    """Metrics by name."""
    return {draft.name: draft.value for draft in drafts if draft.kind == "metric"}
