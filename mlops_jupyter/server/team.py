"""`mlops server`: the store for a team and for remote jobs, alone: the same routes, without notebooks, kernels, files or pages.

It is Jupyter's server with none of its services, so that the checks of Host, XSRF and origin, TLS and shutdown are the ones that
Jupyter keeps. It starts only where there is a token to come in by, and listens on this machine alone unless told otherwise.
"""

from __future__ import annotations

import os
from pathlib import Path

from jupyter_core.application import JupyterApp
from jupyter_server.serverapp import ServerApp
from traitlets import Bool
from traitlets.config import Config

from mlops_jupyter.api.ledger import open_ledger
from mlops_jupyter.config import Settings
from mlops_jupyter.entities import ConflictError, InputError, StoreError
from mlops_jupyter.server.identity import ScopeAuthorizer, TokenIdentity
from mlops_jupyter.server.routes import NothingHere, team_routes
from mlops_jupyter.server.routes_store import BLOB_BYTES
from mlops_jupyter.server.services import Services
from mlops_jupyter.store import Store
from mlops_jupyter.store.tokens import is_valid


class TeamServer(ServerApp):
    """Only our routes, only for tokens."""

    name = "mlops-server"
    signals = Bool(True, help="Whether to end at the signals of the system; not in a thread.").tag(config=True)
    default_services: tuple[str, ...] = ()
    description = "The ledger of a team"

    def find_server_extensions(self) -> None:
        """None: what else is installed here is not served."""

    def write_server_info_file(self) -> None:
        """None: `jupyter server list` names servers of one user, with their tokens."""

    def running_server_info(self, kernel_count: bool = True) -> str:
        """What is said at the start."""
        return f"mlops server: {self.public_url.rstrip('/')}, store {Settings.current().shown()}"

    def start_app(self) -> None:
        """Say what is served; nothing of kernels or browsers. Watch and follow from now on, whether anybody asks or not."""
        JupyterApp.start(self)
        self.io_loop.add_callback(self.web_app.settings["mlops_services"].begin)
        self.log.info(self.running_server_info())

    def _handle_sigint(self, sig: int, frame: object) -> None:
        """Control-C ends it at once: there is no kernel to lose."""
        self._signal_stop(sig, frame)

    def init_signal(self) -> None:
        """End at the system's signals."""
        if self.signals:
            super().init_signal()

    def init_webapp(self) -> None:
        """Routes and services, before the port opens."""
        super().init_webapp()
        self.web_app.settings["mlops_services"] = Services(Settings.current(), lambda change: None, self.log)
        self.web_app.wildcard_router.rules.clear()  # Jupyter's own pages: version, metrics, static files
        prefix = self.base_url.rstrip("/")
        found = [(prefix + pattern, handler) for pattern, handler in team_routes()]
        self.web_app.add_handlers(".*$", [*found, (".*", NothingHere)])

    async def _stop(self) -> None:
        """Listen no more, answer what was asked, end."""
        self.http_server.stop()
        await self.web_app.settings["mlops_services"].stop()
        await super()._stop()


def serve(host: str = "127.0.0.1", port: int = 8890, *, base_url: str = "/", certfile: str = "", keyfile: str = "",
          hosts: tuple[str, ...] = ()) -> None:
    """Serve the configured store until stopped. InputError, ConflictError or StoreError where it must not start.

    `hosts`: names under which it may be asked, beside localhost; needed behind a proxy or on another address than loopback.
    """
    _check(host, certfile, keyfile, hosts)
    make(host, port, base_url=base_url, certfile=certfile, keyfile=keyfile, hosts=hosts).start()


def make(host: str = "127.0.0.1", port: int = 8890, *, base_url: str = "/", certfile: str = "", keyfile: str = "",  # noqa: PLR0913
         hosts: tuple[str, ...] = (), signals: bool = True) -> TeamServer:
    """The server, ready to `start`, which returns when it has ended."""
    config = Config()
    config.ServerApp.update({
        "ip": host, "port": port, "port_retries": 0, "base_url": base_url, "open_browser": False,
        "certfile": certfile, "keyfile": keyfile, "allow_root": True, "max_body_size": BLOB_BYTES,
        "identity_provider_class": TokenIdentity, "authorizer_class": ScopeAuthorizer, "allow_unauthenticated_access": False,
        "allow_remote_access": False, "local_hostnames": ["localhost", *hosts], "root_dir": str(Path.cwd()),
    })
    config.IdentityProvider.token = ""
    config.TeamServer.signals = signals
    server = TeamServer(config=config)
    server.initialize(argv=[], find_extensions=False)
    return server


def _check(host: str, certfile: str, keyfile: str, hosts: tuple[str, ...]) -> None:
    for file in filter(None, (certfile, keyfile)):
        if not os.access(file, os.R_OK):
            raise InputError(f"{file} cannot be read", "give the files of a certificate and of its key")
    if host not in ("127.0.0.1", "::1", "localhost") and not hosts:
        raise InputError(f"a server at {host} is asked by a name, and would refuse it",
                         f"mlops server --host {host} --name HOST.EXAMPLE.ORG")
    store = open_ledger()
    if not isinstance(store, Store):
        raise ConflictError(f"the store {store.url} is behind a server already", "set MLOPS_STORE to its database, here")
    if not any(map(is_valid, store.tokens())):
        raise StoreError("nobody could come in: the store has no valid token", "mlops token create admin --scope admin")
