"""An interpreter that lacks what Windows lacks, as far as this one can: `python tests/posixless.py CODE`.

The standard library and the libraries that are installed are the ones for this system. So they are imported
first: psutil, which has a part of its own for every system, as it is, the others without the modules that
Windows does not have. Only our own code sees `sys.platform == "win32"`.
"""

from __future__ import annotations

import importlib
import importlib.abc
import os
import select
import signal
import sys
import warnings

ABSENT = "curses fcntl grp nis pty pwd readline resource spwd syslog termios tty"
OF_OS = (
    "fchmod fchown fork forkpty chown getegid geteuid getgid getgroups getloadavg getpgid getpgrp getuid "
    "killpg mkfifo nice posix_spawn pread pwrite setpgid setsid setuid statvfs sysconf uname "
    "wait3 wait4 waitid O_CLOEXEC O_DIRECTORY O_NOFOLLOW O_NONBLOCK WNOHANG"
)
OF_SIGNAL = (
    "SIGALRM SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP SIGTSTP SIGUSR1 SIGUSR2 "
    "alarm pause pthread_sigmask setitimer siginterrupt sigwait"
)
STANDARD = (
    "asyncio ctypes email getpass http.client importlib.metadata logging.handlers mimetypes "
    "multiprocessing pathlib platform psutil selectors shutil socket ssl subprocess "
    "sysconfig tempfile uuid webbrowser zoneinfo"
)
LIBRARIES = (
    "charset_normalizer cryptography.hazmat.primitives.ciphers.aead email_validator flask.cli "
    "flask_bootstrap flask_pymongo flask_wtf gridfs jsonschema markdown_it pydantic pymongo "
    "redis regex rq"
)


class Absent(importlib.abc.MetaPathFinder):
    """Finds none of the modules that Windows does not have."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name in ABSENT.split():
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def become_posixless() -> None:
    warnings.filterwarnings("ignore", category=EncodingWarning)
    for name in STANDARD.split():
        importlib.import_module(name)
    for name in ABSENT.split():
        sys.modules.pop(name, None)
    sys.meta_path.insert(0, Absent())
    for module, names in ((os, OF_OS), (signal, OF_SIGNAL), (select, "epoll poll")):
        for name in names.split():
            vars(module).pop(name, None)
    for name in LIBRARIES.split():
        importlib.import_module(name)
    sys.platform = "win32"
    # A text file that is opened without an encoding is read as another one there.
    warnings.filterwarnings("error", category=EncodingWarning)
    # The regex library asks for the encoding of the locale with each pattern: for patterns of bytes only.
    warnings.filterwarnings("ignore", message="UTF-8 Mode affects locale", category=EncodingWarning)


if __name__ == "__main__":
    sys.path[0] = os.getcwd()
    become_posixless()
    exec(sys.argv[1], {"__name__": "__main__"})  # noqa: S102 - the code of a test
