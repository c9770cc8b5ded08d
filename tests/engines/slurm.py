"""A real Slurm for tests: Debian's `slurm-wlm` and `munge`, on loopback, in a folder that goes with them.

Two node names on this machine, each a `slurmd` of its own, so that one can be lost while the other works. Nothing waits longer
than a test must: a lost node is noticed in seconds, a requeued job starts again in seconds, finished jobs are forgotten soon.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.ports import free_port

NODES = ("left", "right")
_CONF = """\
ClusterName=mlops
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
CredType=cred/munge
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdPidFile={folder}/%n.pid
SlurmdLogFile={folder}/%n.log
SlurmdSpoolDir={folder}/spool-%n
StateSaveLocation={folder}/state
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
SlurmdTimeout=3
MessageTimeout=3
TCPTimeout=1
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
KillWait=10
MinJobAge={job_age}
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=1,bf_resolution=1
PartitionName=short Nodes=ALL Default=YES MaxTime=60 State=UP
"""


class Slurm:
    """One controller, its nodes and their munged. `job_age`: seconds after which a finished job is forgotten."""

    def __init__(self, job_age: int = 300) -> None:
        if shutil.which("slurmctld") is None or shutil.which("munged") is None:
            pytest.skip("Slurm is not installed: apt-get install slurm-wlm munge")
        self.folder = Path(tempfile.mkdtemp(prefix="mlops-slurm-"))
        self.conf = self.folder / "slurm.conf"
        self.nodes: dict[str, subprocess.Popen[bytes]] = {}
        self._began: list[subprocess.Popen[bytes]] = []
        for name in ("state", "munge", *(f"spool-{node}" for node in NODES)):
            (self.folder / name).mkdir(mode=0o700)
        host, user = socket.gethostname(), pwd.getpwuid(os.geteuid()).pw_name
        nodes = "".join(f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={free_port()} CPUs=4 RealMemory=4000\n"
                        for node in NODES)
        self.conf.write_text(_CONF.format(host=host, port=free_port(), user=user, folder=self.folder, job_age=job_age) + nodes)
        try:
            self._munged()
            self.begin_controller()
            for node in NODES:
                self.begin_node(node)
            self.until(lambda: self.told("sinfo", "-h", "-t", "idle", "-o", "%D").strip() == str(len(NODES)), "nodes are idle")
        except BaseException:
            self.remove()
            raise

    def environment(self) -> dict[str, str]:
        """Of the client commands."""
        return {**os.environ, "SLURM_CONF": str(self.conf)}

    def told(self, *words: str) -> str:
        """What one of the client commands prints, whether it can or not."""
        done = subprocess.run(words, env=self.environment(), capture_output=True, text=True, check=False, timeout=60)
        return done.stdout + done.stderr

    def begin_controller(self) -> None:
        """It answers when this returns."""
        self.controller = self._begin("slurmctld", "-D", "-f", str(self.conf))
        self.until(lambda: "UP" in self.told("scontrol", "ping"), "slurmctld answers")

    def end_controller(self) -> None:
        """As a machine that is switched off."""
        self.controller.kill()
        self.controller.wait()

    def begin_node(self, node: str) -> None:
        """Start its slurmd."""
        self.nodes[node] = self._begin("slurmd", "-D", "-f", str(self.conf), "-N", node)

    def lose_node(self, node: str) -> None:
        """slurmd and every slurmstepd that it began, by SIGKILL, as far as Slurm can tell a node that lost its power."""
        lost = [self.nodes[node], *self.steps(node)]
        for process in lost:
            process.kill()
        self.nodes[node].wait()

    def steps(self, node: str) -> list[psutil.Process]:
        """Its slurmstepd processes, which do not stay children of slurmd: they write into its log."""
        steps = [each for each in psutil.process_iter(["name"]) if each.info["name"] == "slurmstepd"]
        return [each for each in steps if str(self.folder / f"{node}.log") in _files(each)]

    def until(self, met: Callable[[], bool], what: str, seconds: float = 60) -> None:
        """Wait for it."""
        end = time.monotonic() + seconds
        while not met():
            assert time.monotonic() < end, f"not within {seconds} s: {what}. {self.logs()}"
            time.sleep(0.1)

    def logs(self) -> str:
        """The last of what the daemons wrote."""
        return "".join(f"\n{file.name}: {file.read_text(errors='replace')[-1500:]}" for file in self.folder.glob("*.log"))

    def remove(self) -> None:
        """Nothing is left: jobs, steps, daemons, files."""
        for step in [step for node in NODES for step in self.steps(node)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                for process in [*step.children(recursive=True), step]:
                    process.kill()
        for process in self._began:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _munged(self) -> None:
        folder = self.folder / "munge"
        (folder / "key").write_bytes(secrets.token_bytes(1024))
        (folder / "key").chmod(0o600)
        self._begin("munged", "--foreground", "--force", f"--socket={folder}/socket", f"--key-file={folder}/key",
                    f"--pid-file={folder}/pid", f"--log-file={folder}/log", f"--seed-file={folder}/seed")
        self.until((folder / "socket").exists, "munged listens")

    def _begin(self, *words: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{words[0]}.out").open("ab") as out:
            process = subprocess.Popen(words, env=self.environment(), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                       start_new_session=True)
        self._began.append(process)
        return process


def _files(process: psutil.Process) -> list[str]:
    try:
        return [file.path for file in process.open_files()]
    except psutil.Error:  # it has just ended
        return []
