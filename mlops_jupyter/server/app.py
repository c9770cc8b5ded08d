"""The Jupyter Server extension: settings in, routes and watcher up, the store's address handed to every kernel it starts.

`c.MlopsApp.store` or `c.Settings.store` in a Jupyter configuration file, else `$MLOPS_STORE`, else the per-user folder.
"""

from __future__ import annotations

import os
from pathlib import Path

from jupyter_server.extension.application import ExtensionApp
from traitlets import Unicode

from mlops_jupyter.config import Settings
from mlops_jupyter.server.notebooks import Notebooks
from mlops_jupyter.server.routes import routes
from mlops_jupyter.server.services import NotebookServices
from mlops_jupyter.server.stream import EVENT_SCHEMA, EVENT_SCHEMA_ID


class MlopsApp(ExtensionApp):
    """Serves `/mlops/api/v1` and the event stream of the panel."""

    name = "mlops_jupyter"
    extension_url = "/lab"
    load_other_extensions = True
    description = "The ledger, the runs and the jobs of notebooks"

    store = Unicode(help="Folder, SQL URL or https URL of the store; kernels get it too. Else $MLOPS_STORE.").tag(config=True)
    state = Unicode(help="Local folder for outboxes; kernels get it too. Else $MLOPS_STATE.").tag(config=True)

    def initialize_settings(self) -> None:
        """Decide where the store is, once, and let the kernels inherit it."""
        settings = Settings.current()
        settings.update_config(self.config)
        settings.store = self.store or settings.store
        settings.state = self.state or settings.state
        # Kernels inherit the server's environment: what they append is what this server ships.
        os.environ["MLOPS_STORE"] = settings.store_url()
        if settings.state:
            os.environ["MLOPS_STATE"] = str(Path(settings.state).expanduser().absolute())
        self.serverapp.event_logger.register_event_schema(EVENT_SCHEMA)
        self.settings["mlops_services"] = self._services(settings)

    def _services(self, settings: Settings) -> NotebookServices:
        server = self.serverapp
        contents = server.contents_manager
        is_files = hasattr(contents, "_get_os_path")
        root = Path(contents.root_dir).absolute() if is_files else None
        notebooks = Notebooks(server.session_manager, server.kernel_manager, contents, root)

        def emit(data: dict[str, object]) -> None:
            server.event_logger.emit(schema_id=EVENT_SCHEMA_ID, data=data)

        return NotebookServices(settings, root, notebooks, emit, self.log)

    def initialize_handlers(self) -> None:
        """Every route, each under the same base class."""
        self.handlers.extend(routes())

    async def _start_jupyter_server_extension(self, serverapp: object) -> None:
        """The event loop runs: begin to watch."""
        self.settings["mlops_services"].begin()

    async def stop_extension(self) -> None:
        """The server goes: cancel tasks, end threads."""
        await self.settings["mlops_services"].stop()
