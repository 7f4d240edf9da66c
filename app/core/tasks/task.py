"""What a task is: the values of its document, and the values that a new one is made of."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bson import ObjectId

from app.core import stored
from app.core.secrets.secret import masked
from app.core.tasks.states import ACTIONS, Action, Priority, Status
from dtq.runtime import ResultKind

_BLANK = "\u034f\u115f\u1160\u180b\u180c\u180d\u2800\u3164\uffa0"
"""Characters that Python calls printable and that nobody sees."""
LIVE_STATES = frozenset({Status.SCHEDULED, Status.QUEUED, Status.RUNNING})


@dataclass(frozen=True)
class NewTask:
    """A task as submitted: parameters already parsed, nothing durable yet.

    ``submission_key`` names one submission of one owner: the same key again is the same task.
    ``submission_hash`` tells whether what a program sent with the key again is the same.
    ``files`` are the ids of uploaded files that the parameters name. A ``private`` task is for its owner and
    operators only. ``found_by`` are texts by whose words a search finds it besides; none may hold a secret.
    ``notify`` are subscriptions of its owner that are told when it has ended.
    ``child_of`` is the task that submitted this one, ``depth`` how many tasks are above it.
    """

    type: str
    params: dict[str, Any]
    title: str
    priority: Priority = Priority.MEDIUM
    owner: str = "local"
    tags: tuple[str, ...] = ()
    run_at: datetime | None = None
    timeout_s: int = 600
    max_attempts: int = 1
    submission_key: str | None = None
    submission_hash: str = ""
    parent: ObjectId | None = None
    files: tuple[ObjectId, ...] = ()
    private: bool = False
    found_by: tuple[str, ...] = ()
    notify: tuple[ObjectId, ...] = ()
    batch: ObjectId | None = None
    child_of: ObjectId | None = None
    depth: int = 0


@dataclass(frozen=True)
class Task:
    """A task as MongoDB holds it. Times are aware UTC.

    ``put_offs`` is how often in a row it came to a worker that lacks its type; ``max_attempts`` grows with
    retries by people and with attempts that were released or whose worker was lost, ``attempts_chosen``
    does not. ``notices`` are ends of which nobody was told yet, ``notice`` the ID of the last of them.
    ``crashes`` is how often the task's own process died, ``losses`` how often a worker did.
    ``waited`` is how it waited when a person canceled it, for as long as that is so. ``trace`` are the W3C
    headers of the span in which it was created.
    """

    id: ObjectId
    type: str
    title: str
    params: dict[str, Any]
    priority: Priority
    owner: str
    status: Status
    created_at: datetime
    attempt: int
    max_attempts: int
    timeout_s: int
    dispatch: int
    tags: tuple[str, ...] = ()
    crashes: int = 0
    losses: int = 0
    run_at: datetime | None = None
    queued_at: datetime | None = None
    hint: str | None = None
    dispatched_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    lease: dict[str, Any] | None = None
    cancel: dict[str, Any] | None = None
    waited: dict[str, Any] | None = None
    progress: dict[str, Any] | None = None
    result: Any = None
    result_file: ObjectId | None = None
    result_kind: ResultKind = "auto"
    error: dict[str, Any] | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    parent: ObjectId | None = None
    put_offs: int = 0
    attempts_chosen: int = 0
    expire_at: datetime | None = None
    private: bool = False
    submission_hash: str = ""
    keywords: list[Any] = field(default_factory=list)
    notify: tuple[ObjectId, ...] = ()
    notice: ObjectId | None = None
    notices: list[dict[str, Any]] = field(default_factory=list)
    batch: ObjectId | None = None
    child_of: ObjectId | None = None
    depth: int = 0
    trace: Any = None

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Task:
        """Read a task. Raises DamagedDocumentError where a field is missing or of a wrong type."""
        values = stored.checked(document, _REQUIRED, _OPTIONAL)
        values["tags"] = tuple(values.get("tags") or ())
        values["notify"] = tuple(values.get("notify") or ())
        values["priority"], values["status"] = Priority(values["priority"]), Status(values["status"])
        return cls(id=values.pop("_id"), **values)

    @property
    def job_id(self) -> str:
        """The id of the RQ job that is this task's hint now; a message with any other id is stale."""
        return f"{self.id}-{self.dispatch}"

    @property
    def actions(self) -> frozenset[Action]:
        return ACTIONS[self.status]

    @property
    def live(self) -> bool:
        """Whether the task may still change by itself."""
        return self.status in LIVE_STATES

    @property
    def worker(self) -> str | None:
        return self.lease.get("worker") if self.lease else None


_TIME, _TEXT, _ID = stored.maybe(stored.is_time), stored.maybe(stored.is_text), stored.maybe(stored.is_id)
_PAST = {
    "attempt": stored.maybe(stored.is_count),
    "worker": _TEXT,
    "queued_at": _TIME,
    "started_at": _TIME,
    "finished_at": _TIME,
    "outcome": _TEXT,
}
_REQUIRED: dict[str, stored.Check] = {
    "_id": stored.is_id,
    "type": stored.is_text,
    "title": stored.is_text,
    "params": stored.is_document,
    "priority": stored.one_of(*map(int, Priority)),
    "owner": stored.is_text,
    "status": stored.one_of(*(status.value for status in Status)),
    "created_at": stored.is_time,
    "attempt": stored.is_count,
    "max_attempts": stored.is_count,
    "timeout_s": stored.is_count,
    "dispatch": stored.is_count,
}
_OPTIONAL: dict[str, stored.Check] = {
    "tags": stored.maybe(stored.list_of(stored.is_text)),
    "crashes": stored.is_count,
    "losses": stored.is_count,
    "run_at": _TIME,
    "queued_at": _TIME,
    "hint": _TEXT,
    "dispatched_at": _TIME,
    "started_at": _TIME,
    "finished_at": _TIME,
    "lease": stored.maybe(stored.shaped({}, {"until": stored.is_time, "worker": _TEXT})),
    "cancel": stored.maybe(stored.shaped({}, {"by": _TEXT, "at": _TIME})),
    "waited": stored.maybe(
        stored.shaped(
            {"status": stored.one_of(Status.QUEUED.value, Status.SCHEDULED.value)}, {"run_at": _TIME}
        )
    ),
    "progress": stored.anything,
    "result": stored.anything,
    "result_file": _ID,
    "result_kind": stored.is_kind,
    "error": stored.maybe(stored.is_document),
    "history": stored.list_of(stored.shaped({}, _PAST)),
    "parent": _ID,
    "batch": _ID,
    "child_of": _ID,
    "depth": stored.is_count,
    "put_offs": stored.is_count,
    "attempts_chosen": stored.is_count,
    "expire_at": _TIME,
    "private": stored.is_flag,
    "submission_hash": stored.is_text,
    "notify": stored.maybe(stored.list_of(stored.is_id)),
    "notice": _ID,
    "trace": stored.anything,  # A malformed one is ignored where it is read.
    "notices": stored.list_of(
        stored.shaped(
            {"id": stored.is_id, "status": stored.is_text, "at": stored.is_time, "attempt": stored.is_count},
            {},
        )
    ),
    "keywords": stored.list_of(stored.anything),  # Else no attempt could add its own.
}

_JOB_ID = re.compile(r"([0-9a-f]{24})-(\d{1,9})\Z")


def parse_job_id(job_id: str) -> tuple[ObjectId, int] | None:
    """The task and the dispatch that a message names; None for anything that we never sent."""
    match = _JOB_ID.match(job_id)
    return (ObjectId(match[1]), int(match[2])) if match else None


def parse_task_id(text: str) -> ObjectId | None:
    """A task's id as people write it; None when it cannot be one."""
    text = text.strip().lower()
    return ObjectId(text) if re.fullmatch(r"[0-9a-f]{24}", text) else None


def sought_id(text: str) -> ObjectId | None:
    """Return the ID in what was pasted into a search: an ID, a job's ID or the address of a task's page."""
    found = re.fullmatch(r"(?:\S*/tasks/)?([0-9a-f]{24})(?:-\d{1,9}|[/?#]\S*)?", text.strip().lower())
    return ObjectId(found[1]) if found else None


ID_END = 8
"""How many characters of an ID pages show: its last ones. As many of its first ones find it, too."""


def id_end(task_id: ObjectId | str) -> str:
    """Return the piece of an ID that pages show, and by which it is found."""
    return str(task_id)[-ID_END:]


MOST_WORDS = 40
MOST_FOUND_BY = 24
MOST_OF_ERROR = 12
"""How many words a task is found by: of its title, type and tags, of ``found_by``, and of its error. Each is
an entry in two indexes, and each change of status writes these entries again."""


def words_of(*texts: str, most: int = MOST_WORDS) -> list[str]:
    """Return the lower-cased words of texts, each once: at most so many, of 2 to 40 characters."""
    found = re.findall(r"\w+", " ".join(texts).lower())
    return list(dict.fromkeys(word[:40] for word in found if len(word) > 1))[:most]


def one_line(text: str | None) -> str:
    """Text without line breaks, control characters, invisible characters and double spaces."""
    shown = (char if char.isprintable() and char not in _BLANK else " " for char in text or "")
    return " ".join("".join(shown).split())


def tag_of(text: str) -> str:
    """A tag as it is kept and looked for, however it was typed."""
    return one_line(text).lower()


def tag_keyword(tag: str) -> str:
    """A tag as it stands among the keywords: no word holds a colon, so none is mistaken for it."""
    return f"tag:{tag}"


MOST_LOOKED_AT = 20_000
"""How many characters of a task's parameters are searched for a word of its tags."""


def tag_keywords(tag: str) -> list[str]:
    """Return everything by which a task is found because of a tag: the tag as a whole, and its words."""
    return [tag_keyword(tag), *words_of(tag)]


def words_of_tag_only(task: Task, tag: str) -> list[str]:
    """Return the keywords that a task has because of a tag, and of nothing else that the task itself says."""
    tags, params = (one for one in task.tags if one != tag), str(masked(task.params))[:MOST_LOOKED_AT]
    kept = {*words_of(task.title, task.type, *tags, params, most=MOST_LOOKED_AT)}
    return [word for word in tag_keywords(tag) if word not in kept]


def batch_keyword(batch_id: ObjectId | str) -> str:
    """A batch's ID as it stands among the keywords of its tasks."""
    return f"batch:{batch_id}"


def child_keyword(task_id: ObjectId | str) -> str:
    """The ID of a task as it stands among the keywords of the tasks that it submitted."""
    return f"child_of:{task_id}"


TEAM_KEYWORD = "for:team"
"""The keyword of tasks that are not private."""


def owner_keyword(owner: str) -> str:
    """An owner's ID as it stands among the keywords of their tasks."""
    return f"owner:{owner}"


def private_keyword(owner: str) -> str:
    """The keyword of the private tasks of an owner."""
    return f"for:{owner}"


def rights_keywords(owner: str, *, private: bool) -> list[str]:
    """Return the keywords by which lists find an owner's tasks, and those that a person may read."""
    return [owner_keyword(owner), private_keyword(owner) if private else TEAM_KEYWORD]


ERROR_MARK, WORKER_MARK = ":error:", ":worker:"
"""What the words of an error and the name of a worker begin with among the keywords, as no word does."""


def worker_keyword(worker: str) -> str:
    """The worker of a task's last attempt as it stands among the keywords."""
    return f"{WORKER_MARK}{worker.lower()[:80]}"


def error_keywords(error: dict[str, Any] | None) -> list[str]:
    """Return the keywords of an error: its type, and the first words of its message."""
    texts = [str(text) for name in ("type", "message") if (text := (error or {}).get(name))]
    return [ERROR_MARK + word for word in words_of(*(text[:2_000] for text in texts), most=MOST_OF_ERROR)]


def searched_words(new: NewTask) -> list[str]:
    """Return the words by which a new task is found."""
    own = words_of(new.title, new.type, *new.tags)
    more = words_of(*new.found_by, most=MOST_FOUND_BY)
    return list(dict.fromkeys([*own, *more]))


def keywords_of(new: NewTask) -> list[str]:
    """Everything by which a task is found: words, tags as a whole, batch, owner, and who may read it."""
    rights = rights_keywords(new.owner, private=new.private)
    batch = [batch_keyword(new.batch)] if new.batch else []
    above = [child_keyword(new.child_of)] if new.child_of else []
    return [*searched_words(new), *map(tag_keyword, new.tags), *batch, *above, *rights]
