"""Modules of task types that fail, end their process or hang at import, beside one that works."""

from __future__ import annotations

import contextlib
import itertools
import time

from app.core.catalog import module_problems
from app.core.tasks.states import Status
from tests.chaos.cases import Round, case, judged
from tests.chaos.rig import Rig, shoot, tree, until

TYPE_OF_ITS_OWN = """
from dtq import Context, task

@task(title="Lost")
def lost_{name}(ctx: Context) -> None: ...
"""
WAYS = {
    "raises": "1 / 0",
    "has a syntax error": "def broken(:",
    "lacks a module": "import not_installed_anywhere",
    "is not text": "\udcff",
    "recurses": "def again(): again()\nagain()",
    "exits": "raise SystemExit(3)",
    "ends its process": "import os; os._exit(3)",
    "kills its process": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "crashes": "import ctypes; ctypes.string_at(0)",
    "waits without end": "import socket; a, b = socket.socketpair(); a.recv(1)",
    "computes without end": "while True: pass",
    "waits below the interpreter": "import ctypes; ctypes.CDLL(None).pause(); ctypes.CDLL(None).sleep(3600)",
    "swallows what interrupts it": """
import time
while True:
    try:
        time.sleep(60)
    except BaseException:
        pass
""",
    "waits for its thread": "import threading\nthreading.Thread(target=threading.Event().wait).run()",
    "closes every descriptor": "import os; os.closerange(3, 4096); raise ValueError('closed')",
}


@case(
    "C27",
    "a module of task types that fails or hangs at import (15 ways)",
    "named within 20 s; the other modules' types run",
    IMPORT_TIMEOUT_S="2",
)
def failing_imports(rig: Rig, times: int) -> list[Round]:
    modules = rig.folder / "modules"
    modules.mkdir()
    rig.env["PYTHONPATH"] = str(modules)
    rounds = []
    for number, (way, code) in zip(range(times), itertools.cycle(WAYS.items()), strict=False):
        name = f"broken_{number}"
        text = TYPE_OF_ITS_OWN.format(name=name) + code
        (modules / f"{name}.py").write_bytes(text.encode(errors="surrogateescape"))
        beside = [name, "tests.chaos.samples"]
        rig.env["TASK_MODULES"] = ",".join(beside if number % 2 else reversed(beside))
        rounds.append(_with_a_broken_module(rig, name, way))
    return rounds


def _with_a_broken_module(rig: Rig, name: str, way: str) -> Round:
    began = time.monotonic()
    process = rig.start(1)
    try:
        task = rig.submit("mark")
        workers = rig.services.catalog.workers
        with contextlib.suppress(AssertionError):
            until(lambda: module_problems(workers(), name), 20)
        [ended] = rig.wait([task], max(1.0, 20 + began - time.monotonic()))
        seconds = time.monotonic() - began
        problems = [problem.sentence for problem in module_problems(workers(), name)]
        served = {type for worker in workers() for type in worker.types}
        ok = ended.status is Status.SUCCEEDED and len(problems) == 1 and f"lost_{name}" not in served
        return judged(ok, seconds, 20, f"{way}: {ended.status}, {problems}, {len(served)} types")
    finally:
        shoot(*tree(process.pid))
        process.wait()
        for worker in rig.services.catalog.workers():
            rig.services.catalog.leave(worker.name)
