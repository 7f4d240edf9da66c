"""What the interpreter and its library have once in a process: see `workers.process_state.state`."""

from __future__ import annotations

import asyncio
import builtins
import decimal
import faulthandler
import gc
import io
import logging
import multiprocessing
import os
import select
import selectors
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
from operator import attrgetter, itemgetter
from types import ModuleType
from typing import Any

from workers.process_state.part import StatePart

_PATCHED_MOST = (builtins, os, io, time, socket, ssl, signal, select, selectors, subprocess, threading)
_NOT_FUNCTIONS = {
    "os": {"environ"},
    "time": {"tzname", "timezone", "altzone", "daylight"},
    "threading": {"excepthook", "_trace_hook", "_profile_hook"},
}  # these have parts of their own
_GONE = object()


def functions() -> list[StatePart]:
    """The functions that programs put others in the place of (gevent, freezegun, mocks that are left)."""
    saved = [_Functions(module) for module in _PATCHED_MOST]

    def read() -> list[str]:
        return [name for of_module in saved if of_module.differ() for name in of_module.changed()]

    def write(none: object) -> None:
        for of_module in saved:
            of_module.put_back()

    return [StatePart("functions of the standard library", read, write, lasting=True)]


class _Functions:
    """What can be called in a module, as it was; to see that nothing has changed takes some microseconds."""

    def __init__(self, module: ModuleType) -> None:
        left_out = _NOT_FUNCTIONS.get(module.__name__, set())
        self._module = module
        self._saved = {
            name: value for name, value in vars(module).items() if callable(value) and name not in left_out
        }
        self._get, self._values = itemgetter(*self._saved), tuple(self._saved.values())
        self._names = {*vars(module), *left_out}

    def differ(self) -> bool:
        try:
            return self._get(vars(self._module)) != self._values or len(vars(self._module)) > len(self._names)
        except KeyError:
            return True

    def changed(self) -> list[str]:
        return [f"{self._module.__name__}.{name}" for name in self._changed()]

    def _changed(self) -> list[str]:
        now = vars(self._module)
        more = [name for name in now if name not in self._names and not name.startswith("__")]
        return more + [name for name, value in self._saved.items() if now.get(name, _GONE) is not value]

    def put_back(self) -> None:
        for name in self._changed():
            if name in self._saved:
                setattr(self._module, name, self._saved[name])
            else:
                delattr(self._module, name)


def parts() -> list[StatePart]:
    """Everything else, as it is put back."""
    return [
        StatePart("trace and profile functions", _traces, _set_traces),
        StatePart("hooks of the interpreter", _hooks, _set_hooks),
        StatePart("limits of the interpreter", _limits, _set_limits),
        StatePart("import path", _lists, _set_lists),
        StatePart("garbage collector", _collector, _set_collector),
        StatePart("warnings", _warnings, _set_warnings),
        StatePart("logging", _logging, _set_logging),
        StatePart("time limit of sockets", socket.getdefaulttimeout, socket.setdefaulttimeout),
        StatePart("temporary folder", lambda: tempfile.tempdir, _set_tempdir),
        StatePart("start method of multiprocessing", _start_method, _set_start_method),
        StatePart("decimal context", _decimal, _set_decimal),
        StatePart("event loop", _loops, _set_loops),
        StatePart("opener of urllib", lambda: getattr(urllib.request, "_opener", None), _set_opener),
        StatePart("standard output", _streams, _set_streams),
        StatePart("fault handler", faulthandler.is_enabled, _set_faulthandler),
    ]


def _traces() -> tuple[Any, ...]:
    return sys.gettrace(), sys.getprofile(), threading.gettrace(), threading.getprofile()


def _set_traces(saved: tuple[Any, ...]) -> None:
    trace, profile, of_threads, profile_of_threads = saved
    threading.settrace(of_threads)
    threading.setprofile(profile_of_threads)
    sys.setprofile(profile)
    sys.settrace(trace)


_OF_SYS = (
    "excepthook",
    "unraisablehook",
    "displayhook",
    "breakpointhook",
    "executable",
    "dont_write_bytecode",
)
_of_sys = attrgetter(*_OF_SYS)


def _hooks() -> tuple[Any, ...]:
    cut = getattr(sys, "tracebacklimit", None)
    return _of_sys(sys), cut, threading.excepthook, tuple(sys.get_asyncgen_hooks())


def _set_hooks(saved: tuple[Any, ...]) -> None:
    of_sys, cut, of_threads, of_generators = saved
    for name, hook in zip(_OF_SYS, of_sys, strict=True):
        setattr(sys, name, hook)
    sys.tracebacklimit = cut
    threading.excepthook = of_threads
    sys.set_asyncgen_hooks(*of_generators)


def _limits() -> tuple[Any, ...]:
    digits = sys.get_int_max_str_digits() if hasattr(sys, "get_int_max_str_digits") else None
    flags = sys.getdlopenflags()
    return sys.getrecursionlimit(), sys.getswitchinterval(), threading.stack_size(), flags, digits


def _set_limits(saved: tuple[Any, ...]) -> None:
    depth, interval, size, flags, digits = saved
    sys.setrecursionlimit(depth)
    sys.setswitchinterval(interval)
    threading.stack_size(size)
    sys.setdlopenflags(flags)
    if digits is not None:
        sys.set_int_max_str_digits(digits)


_LISTS = ("path", "meta_path", "path_hooks", "argv")
_of_lists = attrgetter(*_LISTS)


def _lists() -> list[list[Any]]:
    return [list(found) for found in _of_lists(sys)]


def _set_lists(saved: list[list[Any]]) -> None:
    for name, before in zip(_LISTS, saved, strict=True):
        setattr(sys, name, [*before])


def _collector() -> tuple[Any, ...]:
    return gc.isenabled(), gc.get_threshold(), gc.get_debug(), gc.callbacks[:]


def _set_collector(saved: tuple[Any, ...]) -> None:
    enabled, thresholds, debug, callbacks = saved
    gc.callbacks[:] = callbacks
    gc.set_debug(debug)
    gc.set_threshold(*thresholds)
    gc.enable() if enabled else gc.disable()


def _warnings() -> tuple[Any, ...]:
    return list(warnings.filters), warnings.showwarning, warnings.formatwarning


def _set_warnings(saved: tuple[Any, ...]) -> None:
    filters, show, form = saved
    logging.captureWarnings(show is getattr(logging, "_showwarning", None))
    warnings.showwarning, warnings.formatwarning = show, form
    warnings.filters = []
    warnings.resetwarnings()  # modules forget what they have warned of already, as after any change
    warnings.filters.extend(filters)


def _logging() -> tuple[Any, ...]:
    """The loggers that are not as when they are made, what their handlers are set to, and what all share."""
    manager = logging.root.manager
    changed = [
        (found, (found.level, found.disabled, found.propagate, found.handlers[:], found.filters[:]))
        for found in (logging.root, *manager.loggerDict.values())
        if isinstance(found, logging.Logger)
        and (found.level or found.disabled or not found.propagate or found.handlers or found.filters)
    ]
    handlers = [(handler, _of_handler(handler)) for _, state in changed for handler in state[3]]
    return changed, handlers, manager.disable, logging.getLoggerClass(), logging.getLogRecordFactory()


def _of_handler(handler: logging.Handler) -> tuple[Any, ...]:
    """Its stream is that of the process or it is not: `workers.attempt.output_capture` may have had to make a
    new one."""
    stream = getattr(handler, "stream", None)
    return handler.level, handler.formatter, handler.filters[:], None if stream is sys.stderr else stream


def _set_logging(saved: tuple[Any, ...]) -> None:
    loggers, handlers, disabled, class_, factory = saved
    for found, _ in _logging()[0]:
        found.level, found.disabled, found.propagate = logging.NOTSET, False, True
        found.handlers, found.filters = [], []
    for found, (level, off, propagate, own, filters) in loggers:
        found.level, found.disabled, found.propagate = level, off, propagate
        found.handlers, found.filters = own[:], filters[:]
    for handler, (level, formatter, filters, stream) in handlers:
        handler.level, handler.formatter, handler.filters = level, formatter, filters[:]
        if hasattr(handler, "stream"):
            handler.stream = sys.stderr if stream is None else stream
    logging.setLoggerClass(class_)
    logging.setLogRecordFactory(factory)
    logging.disable(disabled)  # it also makes loggers forget which levels they had found to be on


def _set_tempdir(saved: str | None) -> None:
    tempfile.tempdir = saved


def _start_method() -> str | None:
    return multiprocessing.get_start_method(allow_none=True)


def _set_start_method(saved: str | None) -> None:
    multiprocessing.set_start_method(saved, force=True)


_OF_DECIMAL = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")
_of_decimal = attrgetter(*_OF_DECIMAL)


def _decimal() -> tuple[Any, ...]:
    """It is one object, which the context of an attempt has in common with the one that it is a copy of."""
    context = decimal.getcontext()
    return _of_decimal(context), [*context.flags.items()], [*context.traps.items()]


def _set_decimal(saved: tuple[Any, ...]) -> None:
    made = decimal.Context(**dict(zip(_OF_DECIMAL, saved[0], strict=True)))
    made.flags.update(saved[1])
    made.traps.update(saved[2])
    decimal.setcontext(made)


def _loops() -> tuple[Any, ...]:
    """The loop that is taken to be running, the policy that was set or made, and the loop that it has."""
    policy = getattr(asyncio.events, "_event_loop_policy", None)
    own = getattr(getattr(policy, "_local", None), "_loop", None)
    return asyncio.events._get_running_loop(), policy, own


def _set_loops(saved: tuple[Any, ...]) -> None:
    running, policy, own = saved
    asyncio.events._set_running_loop(running)
    setattr(asyncio.events, "_event_loop_policy", policy)  # noqa: B010 - nothing public takes one off
    if policy is not None:
        policy.set_event_loop(own)


def _set_opener(saved: Any) -> None:
    urllib.request.install_opener(saved)


def _set_faulthandler(enabled: bool) -> None:
    faulthandler.enable() if enabled else faulthandler.disable()


_AS_MADE = ("encoding", "errors", "line_buffering", "write_through")


def _streams() -> list[dict[str, Any]]:
    return [
        {name: getattr(stream, name) for name in _AS_MADE} if hasattr(stream, "reconfigure") else {}
        for stream in (sys.stdout, sys.stderr)
    ]


def _set_streams(saved: list[dict[str, Any]]) -> None:
    for stream, before in zip((sys.stdout, sys.stderr), saved, strict=True):
        if before and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(**before)
