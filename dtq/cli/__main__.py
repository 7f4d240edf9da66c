"""`python -m dtq.cli`: the command `dtq` where its program is not installed. Nothing else lives here."""

from dtq.cli import main

main()
