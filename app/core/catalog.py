"""The task types that workers have published, and the workers that serve them.

The web process imports no task code: what a form shows and what a program may send come from here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import Any

import bson
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from app.core import stored
from app.core.clock import utcnow
from app.core.errors import NotFound
from app.core.files.store import StoredFile
from app.core.mongo import Document, Mongo
from app.core.params.fields import Field, describe
from app.core.tasks.states import Priority
from app.core.tasks.store import Tasks
from dtq.runtime import ResultKind


class WorkerState(str, Enum):
    """What a worker process can do now; only a ready one takes tasks."""

    STARTING = "starting"
    LOADING = "loading"
    READY = "ready"
    CANNOT_LOAD = "cannot_load"


ALIVE = timedelta(seconds=30)
MAX_TITLE = 200


@dataclass(frozen=True)
class TaskType:
    """A task type as published: ``schema`` is the JSON Schema (2020-12) of its parameters.

    ``roles`` and ``groups`` say who may create tasks of it; without any, everybody who creates tasks.
    """

    name: str
    title: str
    category: str
    summary: str
    help: str
    schema: dict[str, Any]
    priority: Priority
    timeout_s: int
    max_attempts: int
    result: ResultKind = "auto"
    memory_mb: int = 0
    served: bool = True
    module: str = ""
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def fields(self) -> list[Field]:
        """The parameters in the order of the function's signature."""
        return describe(self.schema)

    def default_title(self, files: Sequence[StoredFile]) -> str:
        """What a task is called when nobody gave it a title: its type, and the files it is about."""
        more = f" and {len(files) - 1:,} more" if files[1:] else ""
        return f"{self.title}: {files[0].name}"[: MAX_TITLE - len(more)] + more if files else self.title


@dataclass(frozen=True)
class TypeName:
    """What a list needs to know of a task type: its title, and who may create tasks of it."""

    name: str
    title: str
    category: str
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModuleProblem:
    """Why a worker could not load a module of task types; ``lasting``: it is not tried again soon."""

    module: str
    sentence: str
    lasting: bool = False

    def concerns(self, module: str) -> bool:
        """Return whether a type of that module, or of one below it, is not available because of this."""
        return module == self.module or module.startswith(f"{self.module}.")


@dataclass(frozen=True)
class StopRequest:
    """Somebody, whose ID is ``by``, asked a worker to stop after its task."""

    by: str
    at: datetime


@dataclass(frozen=True)
class WorkerInfo:
    """A worker process as it last reported; ``task`` is the id of the task that it runs.

    ``loading`` is the module that it imports, ``since`` is when its state began. ``memory_mb`` is what it and
    its child hold.
    """

    name: str
    host: str
    pid: int
    version: str
    started_at: datetime
    seen_at: datetime
    processed: int = 0
    task: str | None = None
    types: tuple[str, ...] = field(default=())
    state: WorkerState = WorkerState.READY
    loading: str = ""
    since: datetime | None = None
    problems: tuple[ModuleProblem, ...] = field(default=())
    memory_mb: int = 0
    stop: StopRequest | None = None

    @property
    def ready(self) -> bool:
        """Return whether it takes tasks."""
        return self.state is WorkerState.READY


class Catalog:
    """Task types and workers, by the collections `task_types` and `workers`; ``told`` is called when a worker
    has changed, and not when it only says that it lives."""

    def __init__(self, db: Mongo, tasks: Tasks, told: Callable[[], None] = lambda: None) -> None:
        self._types = db.task_types
        self._workers = db.workers
        self._tasks = tasks
        self._told = told
        self._told_of: dict[str, Any] = {}

    def publish(self, types: list[Document], worker: str) -> None:
        """A worker says what it serves: documents with `_id`, the fields of TaskType and `hash`.

        Tasks that waited for one that does are offered at once.
        """
        for described in types:
            values = {**described, "published_at": utcnow(), "published_by": worker}
            del values["_id"]
            self._types.update_one({"_id": described["_id"]}, {"$set": values}, upsert=True)
        self._tasks.offer([described["_id"] for described in types])

    def report(self, worker: WorkerInfo) -> None:
        """A worker says that it lives and what it does."""
        values = {
            "host": worker.host,
            "pid": worker.pid,
            "version": worker.version,
            "started_at": worker.started_at,
            "seen_at": worker.seen_at,
            "processed": worker.processed,
            "task": worker.task,
            "types": list(worker.types),
            "state": worker.state.value,
            "loading": worker.loading,
            "since": worker.since,
            "problems": [asdict(problem) for problem in worker.problems],
            "memory_mb": worker.memory_mb,
        }
        self._workers.update_one({"_id": worker.name}, {"$set": values}, upsert=True)
        said = {name: values[name] for name in ("pid", "types", "state", "loading", "problems")}
        if said != self._told_of:
            self._told_of = said
            self._told()

    def leave(self, worker: str) -> None:
        """A worker stops."""
        self._workers.delete_one({"_id": worker})
        self._told()

    def ask_to_stop(self, worker: str, by: str) -> bool:
        """Ask a worker to stop after its task; False where it is not online, or was asked before."""
        if self.asked_to_stop(worker):
            return False
        request = {"by": by, "at": utcnow()}
        online = {"_id": worker, "seen_at": lately()}
        asked = self._workers.update_one(online, {"$set": {"stop": request}}).matched_count == 1
        if asked:
            self._told()
        return asked

    def asked_to_stop(self, worker: str) -> bool:
        """Return whether a worker was asked to stop, it and not a process that had its name before."""
        found = self._workers.find_one({"_id": worker}, {"stop": 1, "started_at": 1}) or {}
        return _stop_of(found) is not None

    def workers(self) -> list[WorkerInfo]:
        """The workers that were heard of within `ALIVE`, by name."""
        found = self._workers.find({"seen_at": lately()}).sort([("_id", 1)]).limit(1_000)
        return list(stored.readable("worker", _worker, found))

    def types(self) -> list[TaskType]:
        """Every published type, by category and title."""
        served = self.served()
        found = self._types.find().limit(1_000)
        types = stored.readable("task type", lambda document: _type(document, served), found)
        return sorted(types, key=lambda task_type: (task_type.category, task_type.title))

    def names(self) -> list[TypeName]:
        """Every published type, by category and title: one read, which leaves the schemas in the database."""
        found = self._types.find({}, dict.fromkeys((*_NAMED, *_LIMITED), 1)).limit(1_000)
        names = stored.readable("task type", _type_name, found)
        return sorted(names, key=lambda known: (known.category, known.title))

    def get(self, name: str) -> TaskType:
        """Raises NotFound for a type that no worker ever published."""
        known = self.definition(name)
        return replace(known, served=name in self.served())

    def definition(self, name: str) -> TaskType:
        """Return a type as `get` does, without asking whether a worker serves it: a task can be created then,
        too. Raises NotFound."""
        found = self._types.find_one({"_id": name})
        if found is None:
            raise NotFound(
                f"There is no task type “{name}”. Types appear when a worker that has them starts."
            )
        known = next(stored.readable("task type", lambda document: _type(document, {name}), [found]), None)
        if known is None:
            raise NotFound(f"The task type “{name}” cannot be read. The server's log says why.")
        return known

    def limits(self, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the roles and the groups that a type asks for: none where it was never published,
        an administrator where what is stored cannot be read."""
        found = self._types.find_one({"_id": name}, {"roles": 1, "groups": 1}) or {}
        roles, groups = found.get("roles", []), found.get("groups", [])
        if not all(map(stored.list_of(stored.is_text), (roles, groups))):
            return ("administrator",), ()
        return tuple(roles), tuple(groups)

    def forget_lost_workers(self) -> None:
        """Drop workers that were last heard of a day ago."""
        self._workers.delete_many({"seen_at": {"$lt": utcnow() - timedelta(days=1)}})

    def serves(self, name: str) -> bool:
        """Whether a living worker serves this type."""
        return self._workers.find_one({"types": name, "seen_at": lately()}) is not None

    def served(self) -> set[str]:
        """Return the types that online workers have."""
        return {name for worker in self.workers() for name in worker.types}


def lately() -> Document:
    """When a worker that lives was heard of; the future is none, after the database's clock was set back."""
    now = utcnow()
    return {"$gte": now - ALIVE, "$lte": now + ALIVE}


_NUMBERS = dict.fromkeys(("timeout_s", "max_attempts"), stored.is_count)
_WORKER: dict[str, stored.Check] = {
    "_id": stored.is_name,
    **dict.fromkeys(("host", "version"), stored.is_text),
    "pid": stored.is_count,
    **dict.fromkeys(("started_at", "seen_at"), stored.is_time),
    "types": stored.list_of(stored.is_text),
}
_PROBLEM: dict[str, stored.Check] = {"module": stored.is_name, "sentence": stored.is_text}
_WORKING: dict[str, stored.Check] = {
    "processed": stored.is_count,
    "task": stored.maybe(stored.is_name),
    **dict.fromkeys(("state", "loading"), stored.is_text),
    "since": stored.maybe(stored.is_time),
    "problems": stored.list_of(stored.shaped(_PROBLEM, {})),
    "memory_mb": stored.is_count,
}
_STOP = stored.shaped({"by": stored.is_text, "at": stored.is_time}, {})
_STATES = {state.value: state for state in WorkerState}
_NAMED: dict[str, stored.Check] = {"_id": stored.is_name, "title": stored.is_text, "category": stored.is_text}
_LIMITED: dict[str, stored.Check] = dict.fromkeys(("roles", "groups"), stored.list_of(stored.is_text))
_TYPE: dict[str, stored.Check] = {
    "_id": stored.is_name,
    **dict.fromkeys(("title", "category", "summary", "help"), stored.is_text),
    "schema": stored.is_document,
    "priority": stored.one_of(*(priority.word for priority in Priority)),
    **_NUMBERS,
}
_TYPED: dict[str, stored.Check] = {
    "result": stored.is_kind,
    "memory_mb": stored.is_count,
    "module": stored.is_text,
    **_LIMITED,
}


def _worker(found: Document) -> WorkerInfo:
    """Raises DamagedDocumentError."""
    known = stored.checked(found, _WORKER, _WORKING)
    problems = tuple(_problem(problem) for problem in known.pop("problems", ()))
    state = _STATES.get(known.pop("state", ""), WorkerState.READY)
    types, name, stop = tuple(known.pop("types")), known.pop("_id"), _stop_of(found)
    return WorkerInfo(name=name, types=types, state=state, problems=problems, stop=stop, **known)


def _stop_of(found: Document) -> StopRequest | None:
    """Return who asked a worker to stop; a request that is older than the process was for another."""
    stop: Any = found.get("stop")
    started_at = found.get("started_at")
    if not _STOP(stop) or not stored.is_time(started_at) or stop["at"] < started_at:
        return None
    return StopRequest(stop["by"], stop["at"])


def _problem(found: Document) -> ModuleProblem:
    return ModuleProblem(found["module"], found["sentence"], bool(found.get("lasting")))


def module_problems(workers: Iterable[WorkerInfo], module: str | None = None) -> list[ModuleProblem]:
    """Return what keeps modules from being loaded, one per module; with ``module``, only what concerns it."""
    found = {problem.module: problem for worker in workers for problem in worker.problems}
    return [problem for _, problem in sorted(found.items()) if module is None or problem.concerns(module)]


def _type(found: Document, served: set[str]) -> TaskType:
    """Raises DamagedDocumentError, also for a schema of which no form can be made."""
    known = stored.checked(found, _TYPE, _TYPED)
    if wrong := _problem_of_schema(bson.encode(known["schema"])):
        raise stored.DamagedDocumentError(f"schema: {wrong}")
    priority = Priority.from_word(known.pop("priority"))
    name = known.pop("_id")
    known |= {limit: tuple(known.get(limit, ())) for limit in ("roles", "groups")}
    return TaskType(name=name, **known, priority=priority, served=name in served)


def _type_name(found: Document) -> TypeName:
    """Raises DamagedDocumentError."""
    known = stored.checked(found, _NAMED, _LIMITED)
    limits = {limit: tuple(known.get(limit, ())) for limit in _LIMITED}
    return TypeName(known["_id"], known["title"], known["category"], **limits)


@lru_cache(maxsize=1_000)
def _problem_of_schema(encoded: bytes) -> str:
    """Return what is wrong with a JSON Schema, or nothing; each schema is checked once."""
    schema: Document = bson.decode(encoded)
    try:
        Draft202012Validator.check_schema(schema)
        describe(schema)
    except (
        SchemaError,
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        return f"{type(error).__name__}: {str(error).partition(chr(10))[0]:.200}"
    return ""
