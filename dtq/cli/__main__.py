"""`python -m dtq.cli`: the command `dtq` where its program is not installed, as in a checkout. Nothing else."""

from dtq.cli import main

main()
