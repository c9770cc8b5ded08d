"""`python -m mlops_jupyter.cli`: the same command where its script is not on the path (a runner's machine)."""

from mlops_jupyter.cli import main

main()
