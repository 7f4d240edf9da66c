"""What the operating system and the C library know of a process: see `workers.process_state.state`."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # no types are published for it
import contextlib
import ctypes
import locale
import os
import resource
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from workers.process_state.part import StatePart

_SIGNALS = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})
_LIMITS = sorted(
    {getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}
    - {resource.RLIMIT_NOFILE}  # `workers.attempt.limits` sets it anew for each attempt
)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)


def parts() -> list[StatePart]:
    """The parts that this system has, as they are put back."""
    environment = _CEnvironment()
    found = [
        StatePart("signal handlers", _handlers, _set_handlers),
        StatePart("environment variables", environment.read, environment.write),
        StatePart("time zone", _time_zone, lambda saved: time.tzset()),
        StatePart("locale", lambda: locale.setlocale(locale.LC_ALL), _set_locale),
        StatePart("working folder", partial(_identity, "."), _enter(os.open(".", _FOLDER))),
        StatePart("umask", _umask, _set_umask),
        StatePart("resource limits", lambda: [*map(resource.getrlimit, _LIMITS)], _set_limits),
        StatePart("priority", lambda: os.getpriority(os.PRIO_PROCESS, 0), _set_priority),
    ]
    if os.geteuid() == 0:  # another may not leave it
        found.insert(
            0, StatePart("root folder", partial(_identity, "/"), _enter(os.open("/", _FOLDER), as_root=True))
        )
    if hasattr(os, "getresuid"):
        found.insert(0, StatePart("user and groups", _identities, _set_identities))
    if hasattr(os, "sched_getaffinity"):
        found.append(StatePart("processors", lambda: os.sched_getaffinity(0), _set_processors))
    if hasattr(os, "sched_getscheduler"):
        found.append(StatePart("scheduling policy", _policy, _set_policy))
    return found


def _handlers() -> list[Any]:
    return [
        *map(_signal.getsignal, _SIGNALS)
    ]  # that of `signal` makes an enum of each, fifteen times as slow


def _set_handlers(saved: list[Any]) -> None:
    """Raises TypeError for one that is not Python's own."""
    for number, now, before in zip(_SIGNALS, _handlers(), saved, strict=True):
        if now != before:
            signal.signal(number, before)


def _time_zone() -> tuple[Any, ...]:
    return time.tzname, time.timezone, time.altzone, time.daylight


def _set_locale(saved: str) -> None:
    locale.setlocale(locale.LC_ALL, saved)


def _identity(path: str) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_dev, found.st_ino


def _enter(folder: int, *, as_root: bool = False) -> Callable[[Any], None]:
    """Back into a folder that is held open: its path may lead elsewhere by now, or nowhere."""

    def enter(saved: object) -> None:
        os.fchdir(folder)
        if as_root:
            os.chroot(".")

    return enter


def _umask() -> int:
    found = os.umask(0o077)
    os.umask(found)
    return found


def _set_umask(saved: int) -> None:
    os.umask(saved)


def _set_limits(saved: list[tuple[int, int]]) -> None:
    """Raises ValueError where a hard limit was lowered and only root may raise it again."""
    for limit, before in zip(_LIMITS, saved, strict=True):
        if resource.getrlimit(limit) != before:
            resource.setrlimit(limit, before)


def _set_priority(saved: int) -> None:
    os.setpriority(os.PRIO_PROCESS, 0, saved)


def _set_processors(saved: set[int]) -> None:
    os.sched_setaffinity(0, saved)


def _policy() -> tuple[int, int]:
    return os.sched_getscheduler(0), os.sched_getparam(0).sched_priority


def _set_policy(saved: tuple[int, int]) -> None:
    os.sched_setscheduler(0, saved[0], os.sched_param(saved[1]))


def _identities() -> tuple[Any, ...]:
    return os.getresuid(), os.getresgid(), os.getgroups()


def _set_identities(saved: tuple[Any, ...]) -> None:
    users, groups, more = saved
    os.setresuid(*users)  # first, as root alone may change the others
    os.setresgid(*groups)
    if os.getgroups() != more:
        os.setgroups(more)


class _CEnvironment:
    """The variables as C has them, which is what a program gets: `os.putenv` tells Python nothing.

    As long as the array of C is where it was, with the same pointers, nothing was set: to see that costs a
    microsecond. In a value is also whether `os.environ` is still Python's own object.
    """

    def __init__(self) -> None:
        self._object = os.environ
        self._array: Any = None
        with contextlib.suppress(ValueError):  # macOS has no such name
            self._array = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), "environ")
            self._address = ctypes.c_void_p.in_dll(ctypes.CDLL(None), "environ")
        self._seen: tuple[int | None, bytes] = None, b""
        self._content: dict[bytes, bytes] = {}

    def read(self) -> tuple[bool, dict[bytes, bytes]]:
        if self._array is None:
            self._content = dict(os.environb)
        else:
            address, pointers = self._seen
            where = self._address.value
            if where is None or where != address or ctypes.string_at(where, len(pointers)) != pointers:
                self._content = self._of_c()
                size = (len(self._content) + 1) * ctypes.sizeof(ctypes.c_void_p)
                self._seen = where, ctypes.string_at(where, size) if where else b""
        return os.environ is self._object, self._content

    def _of_c(self) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        place = 0
        while self._array and (line := self._array[place]) is not None:
            name, _, value = line.partition(b"=")
            found.setdefault(name, value)
            place += 1
        return found

    def write(self, saved: tuple[bool, dict[bytes, bytes]]) -> None:
        os.environ = self._object  # noqa: B003 - not to clear it: a task had put another object there
        before, now = saved[1], self.read()[1]
        for name in {*now, *os.environb} - before.keys():
            os.environb.pop(name, None)
            os.unsetenv(name)
        for name, value in before.items():
            if now.get(name) != value or os.environb.get(name) != value:
                os.environb[name] = value
        time.tzset()
