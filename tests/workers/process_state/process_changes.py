"""Ways to change the state of one's process, and what to look at to see whether it has been put back.

`CHANGES` maps what a task does to the code that does it. `look` uses none of the worker's own code. Both are
for tests of one process (`test_process_state`), for a real worker (`hostile`) and for the fault C28.
"""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import ctypes
import decimal
import faulthandler
import gc
import json
import locale
import logging
import logging.config
import multiprocessing
import os
import resource
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import warnings
from collections.abc import Callable, Iterable
from typing import Any

_C = ctypes.CDLL(None)
_LIMITS = [name for name in dir(resource) if name.startswith("RLIMIT_") and name != "RLIMIT_OFILE"]
_SIGNALS = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})


def look() -> dict[str, Any]:
    """The state of this process, each value as text or JSON."""
    return {
        "folder": os.stat(".")[1:3],
        "root": os.stat("/")[1:3],
        "umask": _umask(),
        "environ": dict(os.environ),
        "environment of a program": sorted(_of_a_program()),
        "zone": [*time.tzname, time.timezone, time.strftime("%H %Z", time.localtime(1_700_000_000))],
        "locale": locale.setlocale(locale.LC_ALL),
        "limits": {name: resource.getrlimit(getattr(resource, name)) for name in _LIMITS},
        "priority": os.getpriority(os.PRIO_PROCESS, 0),
        "processors": sorted(os.sched_getaffinity(0)),
        "policy": [os.sched_getscheduler(0), os.sched_getparam(0).sched_priority],
        "users": [os.getresuid(), os.getresgid(), os.getgroups()],
        "signals": [_name(signal.getsignal(number)) for number in _SIGNALS],
        "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "timers": [signal.getitimer(which) for which in range(3)],
        "wakeup": _wakeup(),
        "path": [*map(str, (sys.path, sys.meta_path, sys.path_hooks, sys.argv))],
        "hooks": [
            _name(hook)
            for hook in (sys.excepthook, sys.unraisablehook, sys.displayhook, threading.excepthook)
        ],
        "cut": getattr(sys, "tracebacklimit", None),
        "traces": [_name(sys.gettrace()), _name(sys.getprofile()), _name(threading.gettrace())],
        "interpreter": [sys.getrecursionlimit(), sys.getswitchinterval(), threading.stack_size()],
        "collector": [gc.isenabled(), gc.get_threshold(), gc.get_debug(), len(gc.callbacks)],
        "warnings": [str(warnings.filters), _name(warnings.showwarning)],
        "loggers": _loggers(),
        "socket": socket.getdefaulttimeout(),
        "temporary": [tempfile.gettempdir(), tempfile.tempdir],
        "method": multiprocessing.get_start_method(allow_none=True),
        "loop": _loop(),
        "opener": str(getattr(urllib.request, "_opener", None)),
        "faults": faulthandler.is_enabled(),
        "decimal": str(decimal.getcontext()),
        "functions": [_name(made) for made in (time.sleep, time.time, socket.socket, open, print, os.getcwd)],
        "builtins": len(vars(builtins)),
        "verifies": _name(ssl._create_default_https_context),
        "streams": [os.readlink("/proc/self/fd/0"), sys.stdin.closed, sys.stdout.encoding, sys.stdout.errors],
        "threads": sorted(thread.name for thread in threading.enumerate() if "pymongo" not in thread.name),
    }


def _name(of: Any) -> str:
    return getattr(of, "__qualname__", str(of))


def _of_a_program() -> list[str]:
    return subprocess.run(["/usr/bin/env"], capture_output=True, check=True).stdout.decode().splitlines()


def _umask() -> int:
    found = os.umask(0o077)
    os.umask(found)
    return found


def _wakeup() -> int:
    found = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(found, warn_on_full_buffer=False)
    return found


def _loop() -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return str(asyncio.get_running_loop())
        except RuntimeError:
            policy = getattr(asyncio.events, "_event_loop_policy", None)
            return str(policy and getattr(policy._local, "_loop", None))


def _loggers() -> list[str]:
    found = [logging.root, *logging.root.manager.loggerDict.values()]
    state = [
        f"{each.name} {each.level} {each.disabled} {each.propagate} {each.filters} {_handlers(each)}"
        for each in found
        if isinstance(each, logging.Logger)
        and (each.level or each.disabled or not each.propagate or each.filters or each.handlers)
    ]
    on = [logging.getLogger("workers.attempt.child").isEnabledFor(level) for level in (10, 20, 30, 40)]
    return [*state, str(on), str(logging.root.manager.disable)]


def _handlers(of: logging.Logger) -> list[Any]:
    return [
        (type(found).__name__, found.level, _name(type(found.formatter)), found.filters)
        for found in of.handlers
    ]


def _fake(*given: Any, **named: Any) -> None:
    """What a mock puts in the place of something."""


def _removed_folder() -> None:
    os.chdir(tempfile.mkdtemp())
    os.rmdir(os.getcwd())


def _zone() -> None:
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()


def _zone_alone() -> None:
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()
    del os.environ["TZ"]


def _lower(limit: str, *, hard: bool = False) -> Callable[[], None]:
    number = getattr(resource, limit)
    return lambda: resource.setrlimit(number, (2**40, 2**40 if hard else resource.getrlimit(number)[1]))


def _log_elsewhere() -> None:
    logging.basicConfig(level=logging.ERROR, force=True, handlers=[logging.NullHandler()])


def _log_by_dict() -> None:
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": True})


def _log_by_dict_with_handlers() -> None:
    logging.config.dictConfig({
        "version": 1,
        "handlers": {"null": {"class": "logging.NullHandler"}},
        "root": {"level": "CRITICAL", "handlers": ["null"]},
        "loggers": {"workers": {"level": "CRITICAL", "propagate": False}},
    })  # fmt: skip


def _log_own() -> None:
    own = logging.getLogger("of.the.task")
    own.addHandler(logging.StreamHandler(sys.stdout))
    own.setLevel(logging.DEBUG)
    own.propagate = False


def _handlers_of_root() -> None:
    for handler in logging.root.handlers:
        handler.setLevel(logging.CRITICAL)
        handler.setFormatter(logging.Formatter("%(message)s"))
        handler.addFilter(lambda record: False)
        handler.stream = None


def _loop_left() -> None:
    asyncio.set_event_loop(asyncio.new_event_loop())


def _loop_as_if_running() -> None:
    asyncio.events._set_running_loop(asyncio.new_event_loop())


def _pending() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    os.kill(os.getpid(), signal.SIGUSR1)
    os.kill(os.getpid(), signal.SIGALRM)


def _thread(kind: Callable[..., Any] = threading.Thread) -> Callable[[], None]:
    return lambda: kind(target=time.sleep, args=(60,), daemon=True).start()


def _nameless_thread() -> None:
    import _thread

    _thread.start_new_thread(time.sleep, (60,))
    time.sleep(0.1)  # it counts once it runs


CHANGES: dict[str, Callable[[], object]] = {
    "os.chdir": lambda: os.chdir("/usr"),
    "os.chdir into a folder that is removed": _removed_folder,
    "os.umask": lambda: os.umask(0),
    "os.environ, one more": lambda: os.environ.update(OF_A_TASK="yes"),
    "os.environ, one less": lambda: os.environ.pop("PATH"),
    "os.environ, another value": lambda: os.environ.update(PATH="/nowhere"),
    "os.environ.clear": lambda: os.environ.clear(),
    "os.environ, another object": lambda: setattr(os, "environ", {"PATH": "/nowhere"}),
    "os.putenv": lambda: os.putenv("OF_C", "yes"),
    "os.unsetenv": lambda: os.unsetenv("PATH"),
    "clearenv of C": lambda: _C.clearenv(),
    "time.tzset": _zone,
    "time.tzset, and no trace in the environment": _zone_alone,
    "locale.setlocale": lambda: locale.setlocale(locale.LC_ALL, "C"),
    "signal.alarm": lambda: signal.alarm(1),
    "signal.setitimer": lambda: [signal.setitimer(which, 0.3, 0.3) for which in range(3)],
    "signal.signal": lambda: [signal.signal(number, _fake) for number in _SIGNALS],
    "signal.signal, SIGCHLD ignored": lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
    "signal.pthread_sigmask": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()),
    "signals that are blocked and pending": _pending,
    "signal.set_wakeup_fd": lambda: signal.set_wakeup_fd(os.pipe2(os.O_NONBLOCK)[1]),
    "faulthandler.dump_traceback_later": lambda: faulthandler.dump_traceback_later(0.3, exit=True),
    "faulthandler.disable": lambda: faulthandler.disable(),
    "resource.setrlimit": lambda: [_lower(name)() for name in ("RLIMIT_AS", "RLIMIT_FSIZE", "RLIMIT_CPU")],
    "resource.setrlimit, for good": lambda: _lower("RLIMIT_FSIZE", hard=True)(),
    "resource.setrlimit, open files for good": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200)),
    "os.nice": lambda: os.nice(1),
    "os.sched_setaffinity": lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
    "os.sched_setscheduler": lambda: os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0)),
    "os.seteuid": lambda: os.seteuid(65534),
    "os.setegid": lambda: os.setegid(65534),
    "os.setgroups": lambda: os.setgroups([65534]),
    "os.chroot": lambda: os.chroot(tempfile.mkdtemp()),
    "logging.basicConfig, force": _log_elsewhere,
    "logging.config.dictConfig": _log_by_dict,
    "logging.config.dictConfig, with handlers": _log_by_dict_with_handlers,
    "logging.disable": lambda: logging.disable(logging.CRITICAL),
    "logging.shutdown": lambda: logging.shutdown(),
    "logging.captureWarnings": lambda: logging.captureWarnings(True),
    "logging.setLoggerClass": lambda: logging.setLoggerClass(type("Own", (logging.Logger,), {})),
    "logging, a logger of its own": _log_own,
    "logging, the handlers of the root": _handlers_of_root,
    "warnings.simplefilter": lambda: warnings.simplefilter("error"),
    "warnings.filters, another list": lambda: setattr(warnings, "filters", []),
    "warnings.showwarning": lambda: setattr(warnings, "showwarning", _fake),
    "socket.setdefaulttimeout": lambda: socket.setdefaulttimeout(0.001),
    "sys.path": lambda: sys.path.insert(0, "/nowhere"),
    "sys.path, another list": lambda: setattr(sys, "path", []),
    "sys.meta_path": lambda: sys.meta_path.clear(),
    "sys.argv": lambda: setattr(sys, "argv", None),
    "sys.excepthook": lambda: [setattr(sys, name, _fake) for name in ("excepthook", "unraisablehook")],
    "sys.tracebacklimit": lambda: setattr(sys, "tracebacklimit", 0),
    "sys.settrace": lambda: (sys.settrace(_fake), sys.setprofile(_fake)),
    "threading.settrace": lambda: (threading.settrace(_fake), threading.setprofile(_fake)),
    "threading.excepthook": lambda: setattr(threading, "excepthook", _fake),
    "threading.stack_size": lambda: threading.stack_size(2**20),
    "sys.setrecursionlimit": lambda: sys.setrecursionlimit(5000),
    "sys.setswitchinterval": lambda: sys.setswitchinterval(0.5),
    "gc.disable": lambda: gc.disable(),
    "gc.set_threshold": lambda: (gc.set_threshold(7), gc.callbacks.append(_fake)),
    "tempfile.tempdir": lambda: setattr(tempfile, "tempdir", "/nowhere"),
    "multiprocessing.set_start_method": lambda: multiprocessing.set_start_method("spawn"),
    "asyncio.set_event_loop": _loop_left,
    "asyncio, a loop as if it ran": _loop_as_if_running,
    "urllib.request.install_opener": lambda: urllib.request.install_opener(urllib.request.build_opener()),
    "decimal.getcontext": lambda: setattr(decimal.getcontext(), "prec", 3),
    "sys.stdin.close": lambda: sys.stdin.close(),
    "sys.stdout.reconfigure": lambda: sys.stdout.reconfigure(encoding="ascii", errors="strict"),
    "time.sleep, another function": lambda: setattr(time, "sleep", _fake),
    "builtins.print, another function": lambda: setattr(builtins, "print", _fake),
    "builtins, one more": lambda: setattr(builtins, "_", _fake),
    "os.getcwd, deleted": lambda: delattr(os, "getcwd"),
    "ssl without verification": lambda: setattr(
        ssl, "_create_default_https_context", ssl._create_unverified_context
    ),
    "a thread": _thread(),
    "a thread without a name": _nameless_thread,
    "a timer": lambda: threading.Timer(60, _fake).start(),
}

FOR_ROOT = {"os.seteuid", "os.setegid", "os.setgroups", "os.chroot"}
FOR_GOOD = {
    "time.sleep, another function",
    "builtins.print, another function",
    "builtins, one more",
    "os.getcwd, deleted",
    "ssl without verification",
    "a thread",
    "a thread without a name",
    "a timer",
}
"""More than these may have changed, or nothing ends them: the process is replaced."""
PERHAPS_FOR_GOOD = FOR_ROOT | {
    "resource.setrlimit, for good",
    "resource.setrlimit, open files for good",
    "os.nice",
}
"""Whether these can be undone depends on the privileges of the process."""
PUT_BACK = [name for name in CHANGES if name not in FOR_GOOD | PERHAPS_FOR_GOOD]


def change(names: Iterable[str]) -> list[str]:
    """Do all of them, one after the other; returns those that were possible: some stand in others' way."""
    done = []
    for name in names:
        with contextlib.suppress(Exception):
            CHANGES[name]()
            done.append(name)
    return done


def told() -> dict[str, Any]:
    """Which process this is, and its state as one text."""
    return {"pid": os.getpid(), "state": json.dumps(look(), default=str, sort_keys=True, indent=0)}


def differences(one: str, other: str) -> list[str]:
    """The lines of two such texts that are not in both."""
    return sorted({*one.splitlines()} ^ {*other.splitlines()})
