"""`up` with stand-ins for the web server and the workers, so that its own work can be tested alone.

python -m tests.real.standins FOLDER
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from app.local.__main__ import ROOT, up
from app.local.children import LocalProcess
from app.local.readiness import answers
from config import Settings

# Like the real ones: a process whose own child is in a group of its own and dies with it.
WORKER = (
    "import os, subprocess, time\n"
    "from app.local.children import DIES_WITH_PARENT\n"
    "subprocess.Popen([*DIES_WITH_PARENT, str(os.getpid()), '/bin/sleep', '600'], start_new_session=True)\n"
    "time.sleep(600)"
)


def programs(settings: Settings, env: Mapping[str, str], folder: Path) -> list[LocalProcess]:
    host, port = settings.web_bind.split(":")
    web = [sys.executable, "-m", "http.server", port, "--bind", host, "--directory", str(folder / "log")]
    worker = [sys.executable, "-c", WORKER]
    return [
        LocalProcess("web", web, log=folder / "log" / "web.log", ready=lambda: answers(host, int(port))),
        LocalProcess("workers", worker, cwd=ROOT, log=folder / "log" / "workers.log"),
    ]


if __name__ == "__main__":
    up(Path(sys.argv[1]), dict(os.environ), programs)
