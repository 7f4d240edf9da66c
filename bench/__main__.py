"""`python -m bench`: tasks a second, then the lists; what `make bench` runs.

    python -m bench [--store NAME ...] [--write docs/explanation/benchmarks.md]

Takes about twenty minutes. Each part has options of its own when it is run alone: see
`python -m bench.throughput --help` and `python -m bench.lists --help`.
"""

from __future__ import annotations

import subprocess
import sys

from bench import report


def main() -> int:
    """Each part in a process of its own; the first that fails ends it."""
    report.arguments(__doc__, several=True).parse_args()
    for part in ("throughput", "lists"):
        code = subprocess.run([sys.executable, "-m", f"bench.{part}", *sys.argv[1:]], check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
