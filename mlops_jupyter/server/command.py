"""`mlops server`: the command of this skin; `cli` knows it by name only."""

from __future__ import annotations

import click

from mlops_jupyter.entities import InputError


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8890, show_default=True, type=click.IntRange(0, 65535))
@click.option("--name", "hosts", multiple=True, metavar="HOST", help="A name under which it is asked, beside localhost.")
@click.option("--base-url", default="/", show_default=True, help="The prefix of a proxy.")
@click.option("--certfile", default="", help="TLS certificate.")
@click.option("--keyfile", default="", help="Its key.")
def server(host: str, port: int, hosts: tuple[str, ...], base_url: str, certfile: str, keyfile: str) -> None:
    """Serve the store to a team and to remote jobs, until stopped. Callers need a token: `mlops token create`."""
    try:
        from mlops_jupyter.server.team import serve
    except ModuleNotFoundError as error:
        raise InputError(f"mlops server needs {error.name}", "pip install 'mlops_jupyter[server]'") from None
    serve(host, port, base_url=base_url, certfile=certfile, keyfile=keyfile, hosts=hosts)
