"""Slurm for `engine_kills.py`: two nodes, of which one may be lost, and half of the jobs may be started again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from mlops_jupyter.entities import Submission
from tests.engines.slurm import NODES, Slurm
from tests.engines.slurm_jobs import gated_job
from tests.proofs.killed_engines import Place, Write
from tests.proofs.killing import Strike

_ENDS = {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "TIMEOUT", ""}


class SlurmPlace(Place):
    """What is killed is a process, or a whole node; or a job is requeued or cancelled by Slurm's own commands."""

    runner, outlived = "slurm", ("slurmd",)
    kinds = ("kernel", "mlops run", "task.py", "node", "slurmstepd", "requeue", "scancel", "slurmd")  # a node has one fate
    above: ClassVar[Mapping[str, int]] = {"kernel": -1, "mlops run": 0, "task.py": 1, "slurmstepd": 2}
    notes = "a node that does not answer is lost after 3 s (SlurmdTimeout, as it comes: 300 s)"

    def __init__(self, folder: Path, at_once: int, write: Write = gated_job) -> None:
        super().__init__(folder, at_once, write)
        self.slurm = Slurm()
        os.environ["SLURM_CONF"] = str(self.slurm.conf)

    def options(self, strike: Strike) -> dict[str, str]:
        """The node that may be lost, or the other."""
        again = strike.kind == "requeue" or strike.again
        node = NODES[0] if strike.kind in {"slurmd", "node"} else NODES[1]
        return {"requeue": str(again).lower(), "sbatch": f"--nodelist={node}"}

    def over(self, one: Submission) -> bool:
        """The controller's word."""
        asked = ("squeue", "-h", "-t", "all", "-o", "%T", "-j", one.place.partition(":")[0])
        return self.slurm.told(*asked).strip() in _ENDS

    def must_be(self, strike: Strike) -> str:
        """A lost step or node is another attempt, if Slurm may start one; what only slurmd watched goes on."""
        if strike.kind == "scancel":
            return "cancelled"
        again = strike.kind in {"requeue", "slurmd"} or (strike.again and strike.kind in {"slurmstepd", "node"})
        return "succeeded" if again else "died"

    def strike(self, one: Submission, kind: str) -> None:
        """By Slurm's commands, or what a node without power is."""
        if kind in {"requeue", "scancel"}:
            self.slurm.told(*(["scontrol", "requeue"] if kind == "requeue" else ["scancel"]), one.place.partition(":")[0])
            return
        if kind == "node":
            self.slurm.lose_node(NODES[0])
            self.slurm.until(lambda: "down" in self.slurm.told("sinfo", "-h", "-n", NODES[0], "-o", "%T"), "the node is lost", 90)
        else:
            self.slurm.nodes[NODES[0]].kill()
            self.slurm.nodes[NODES[0]].wait()
        self.slurm.begin_node(NODES[0])

    def remove(self) -> None:
        """Daemons, jobs, files."""
        self.slurm.remove()
