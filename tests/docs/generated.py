"""The pages of docs/reference that come from tables of the program: settings, states, commands, causes, API.

    python -m tests.docs.generated      # write them again after a change

`test_generated.py` fails while a page differs from its table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any

import click

from app import create_app
from app.api.openapi import document
from app.api.operation import PREFIX
from app.cli.data import data_group
from app.cli.keys import keys_group
from app.cli.migrate import migrate_command
from app.cli.run import run_command
from app.cli.settings import settings_command
from app.cli.types import types_command
from app.cli.users import users_group
from app.core.errors import Cause, TaskQueueError
from app.core.statistics.metrics import METRICS
from app.core.store_errors.advice import CERTIFICATES, REASONS, TITLES, WITH_TLS
from app.core.tasks.states import ACTIONS, TRANSITIONS, Action, Ending, Status
from app.http.problems import code_of
from config import Settings, load
from dtq.cli.exits import MEANINGS
from dtq.cli.main import dtq
from tests.docs.documents import DOCS, ROOT
from tests.docs.equivalents import EQUIVALENTS, Equivalent

MODULES = ("dtq", "dtq.testing", "dtq.lines", "dtq.checks", "dtq.client")
"""The modules that authors of task types, and of programs that submit tasks, import from."""

SECTIONS = (
    (
        "Public names",
        *("task", "Context", "File", "Fail", "Retry", "Canceled"),
        *("ChildTask", "NotSubmitted", "TaskType", "TaskTypeError", "utcnow"),
    ),
    ("Unit tests", "run", "Trial", "Ran", "Upload", "Submission", "Invalid"),
    ("Lines that follow rules", "Lines", "Accept", "Refuse", "Part"),
    ("Conditions on several parameters", "Check", "empty", "given", "chosen"),
    (
        "The client",
        *("Client", "AsyncClient", "Task", "TaskSummary", "AsyncTask", "AsyncTaskSummary", "TaskFile"),
        *("Attempt", "Progress", "TaskError", "TypeSummary", "TypeDetails", "Worker", "Queue", "Me"),
        *("BulkOperation", "BulkPreview", "BulkSkipped"),
        *("NewTask", "Batch", "BatchSummary", "BatchCreated", "BatchFailure"),
        *("AsyncBatch", "AsyncBatchSummary", "AsyncBatchCreated"),
        *("View", "Webhook", "Delivery", "DeliveryAttempt", "Stats", "StatsPoint"),
        *("DTQError", "BadSetting", "ConnectionFailed", "BadAnswer", "ProblemError", "FieldProblem"),
        *("Unauthorized", "Forbidden", "NotFound", "Conflict", "Changed", "Invalid", "TooManyRequests"),
        *("Unavailable", "TaskFailed", "TaskCanceled", "WaitTimeout", "BatchWaitTimeout"),
    ),
)
"""For every module of `MODULES`, a heading and the names."""


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    lines = [list(head), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def code(value: str) -> str:
    return f"`{value}`" if value else ""


def words(statuses: Iterable[Status]) -> str:
    """Statuses in the order of their definition."""
    found = set(statuses)
    return ", ".join(status.value for status in Status if status in found)


def settings() -> str:
    about = [row.metadata for row in fields(Settings)]
    return table(
        ("setting", "default", "description"),
        ((code(row["name"]), code(row["default"]), row["help"]) for row in about),
    )


def statuses() -> str:
    return table(
        ("status", "on the pages", "final", "actions"),
        (
            (
                code(status.value),
                status.label,
                "yes" if status.ended else "",
                ", ".join(action.value for action in Action if action in ACTIONS[status]),
            )
            for status in Status
        ),
    )


def transitions() -> str:
    return table(
        ("transition", "from", "to", "by"),
        (
            (code(row.name), words(row.sources), row.target.value if row.target else "the same", row.who)
            for row in TRANSITIONS.values()
        ),
    )


def endings() -> str:
    return table(("code", "on the pages"), ((code(ending.value), ending.label) for ending in Ending))


def causes() -> str:
    def filled(text: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: PLACEHOLDERS[found[1]], text)

    return table(
        ("code", "kind", "what is wrong", "what to do"),
        (
            (
                code(cause.value),
                "refuses" if cause.refusal else "away",
                *map(filled, REASONS.get(cause, ("", ""))),
            )
            for cause in Cause
        ),
    )


def for_both(words: dict[str, str]) -> str:
    """What holds for MongoDB, and what for Redis."""
    return "; ".join(f"{words[setting]} ({title})" for setting, title in TITLES.items())


PLACEHOLDERS = {
    "absent": "*The store* did not answer.",
    "name": "*The store*",
    "store": "*the store*",
    "setting": "MONGODB_URI` or `REDIS_URL",
    "with_tls": for_both(WITH_TLS),
    "certificates": for_both(CERTIFICATES),
}


def flask_commands() -> str:
    found = [("flask settings", settings_command), ("flask tasks types", types_command),
             ("flask tasks run", run_command)]  # fmt: skip
    found += [(f"flask data {name}", command) for name, command in data_group.commands.items()]
    found += [(f"flask keys {name}", command) for name, command in keys_group.commands.items()]
    found += [(f"flask users {name}", command) for name, command in users_group.commands.items()]
    found.append(("flask migrate", migrate_command))
    return "\n\n".join(command_section(name, command) for name, command in found)


def dtq_commands() -> str:
    return "\n\n".join(command_section(f"dtq {name}", command) for name, command in dtq_programs().items())


def dtq_programs() -> dict[str, click.Command]:
    """All commands by name, with those of groups as `bulk stop`."""
    return {
        " ".join(filter(None, (name, below))): each
        for name, command in dtq.commands.items()
        for below, each in {"": command, **getattr(command, "commands", {})}.items()
    }


def exit_codes() -> str:
    return table(("code", "meaning"), ((str(int(code)), said) for code, said in MEANINGS.items()))


def equivalents() -> str:
    addresses = {
        about["operationId"]: f"{method.upper()} {path.removeprefix(PREFIX)}"
        for path, known in openapi()["paths"].items()
        for method, about in known.items()
    }
    rows = [
        (
            row.what,
            _permission(row),
            row.pages,
            ", ".join(code(addresses[name]) for name in row.api) or row.why,
            ", ".join(map(code, row.commands)) or row.why,
        )
        for row in EQUIVALENTS
    ]
    return table(("what", "permission", "pages", "REST API", "dtq"), rows)


def _permission(row: Equivalent) -> str:
    other = f"; of programs: {code(row.programs.value)}" if row.programs else ""
    return code(row.permission.value) + other


def command_section(name: str, command: click.Command) -> str:
    """A command with its help and a table of its options."""
    arguments = [param for param in command.params if isinstance(param, click.Argument)]
    options = [param for param in command.params if isinstance(param, click.Option)]
    usage = " ".join([name, *(param.make_metavar(click.Context(command)) for param in arguments)])
    help = re.sub(r"\s*\n\s*", " ", command.help or "").replace("\b", "").strip()
    parts = [f"### {name}", code(usage), help]
    if options:
        parts.append(table(("option", "description"), map(option_row, options)))
    return "\n\n".join(parts)


def option_row(option: click.Option) -> tuple[str, str]:
    names = ", ".join(map(code, [*option.opts, *option.secondary_opts]))
    choices = option.type.choices if isinstance(option.type, click.Choice) else ()
    return f"{names} {' or '.join(map(str, choices))}".strip(), option.help or ""


def make_targets() -> str:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.findall(r"^([a-z-]+):.*?## (.*)$", text, re.MULTILINE)
    return table(("command", "what it does"), ((code(f"make {name}"), about) for name, about in found))


def api() -> str:
    """Blocks that mkdocstrings fills from the docstrings."""
    sections = []
    for module, (title, *names) in zip(MODULES, SECTIONS, strict=True):
        blocks = "\n".join(f"::: {module}.{name}\n" for name in names)
        sections.append(f"## {title}\n\n`from {module} import {', '.join(names)}`\n\n{blocks}")
    return "\n".join(sections).rstrip()


def openapi() -> dict[str, Any]:
    """The OpenAPI document of an application that is connected to nothing."""
    app = create_app(load({"ENVIRONMENT": "local", "SECRET_KEY": "docs", "SECRETS_KEY": "docs"}))
    with app.test_request_context():
        return document()


def operations() -> str:
    found = [
        (code(f"{method.upper()} {path.removeprefix(PREFIX)}"), about["summary"], _statuses(about))
        for path, known in sorted(openapi()["paths"].items())
        for method, about in known.items()
    ]
    return table(("operation", "what it does", "answers"), found)


def _statuses(operation: dict[str, Any]) -> str:
    return ", ".join(sorted(operation["responses"]))


def bodies() -> str:
    """What a program sends and receives, a table each."""
    schemas = openapi()["components"]["schemas"]
    return "\n\n".join(f"### {name}\n\n{_fields(schemas[name])}" for name in ("NewTask", "Task", "Problem"))


def _fields(schema: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = (
        (code(name), _kind(about), "yes" if name in required else "", about.get("description", ""))
        for name, about in schema["properties"].items()
    )
    return table(("field", "type", "required", "description"), rows)


def _kind(about: dict[str, Any]) -> str:
    if "anyOf" in about:
        return " or ".join(map(_kind, about["anyOf"]))
    if "$ref" in about:
        return str(about["$ref"].rpartition("/")[2])
    if "enum" in about:
        return ", ".join(map(code, about["enum"]))
    kind = str(about.get("format") or about.get("type", "any"))
    return f"{kind} of {_kind(about['items'])}" if "items" in about else kind


def problems() -> str:
    def below(kind: type[TaskQueueError]) -> Iterable[type[TaskQueueError]]:
        for each in kind.__subclasses__():
            yield each
            yield from below(each)

    found = {
        code_of(kind): kind for kind in below(TaskQueueError) if kind.__module__ == TaskQueueError.__module__
    }
    rows = sorted((kind.status, name, kind.title) for name, kind in found.items())
    return table(
        ("status", "type", "title"),
        ((str(status), code(f"urn:dtq:problem:{name}"), title) for status, name, title in rows),
    )


def metrics() -> str:
    return table(
        ("metric", "kind", "labels", "description"),
        ((code(row.name), row.kind.value, ", ".join(map(code, row.labels)), row.help) for row in METRICS),
    )


def buckets() -> str:
    return table(
        ("metric", "upper bounds"),
        (
            (code(row.name), ", ".join(f"{bound:,g}" for bound in row.buckets))
            for row in METRICS
            if row.buckets
        ),
    )


PAGES: dict[str, dict[str, Callable[[], str]]] = {
    "settings.md": {"settings": settings},
    "states.md": {"statuses": statuses, "transitions": transitions, "endings": endings},
    "commands.md": {"flask": flask_commands, "make": make_targets},
    "dtq.md": {"dtq": dtq_commands, "exits": exit_codes, "equivalents": equivalents},
    "store-errors.md": {"causes": causes},
    "metrics.md": {"metrics": metrics, "buckets": buckets},
    "api.md": {"api": api},
    "rest-api.md": {"operations": operations, "bodies": bodies, "problems": problems},
}


def written(page: str) -> str:
    """The page with its generated parts as they should be."""
    text = (DOCS / "reference" / page).read_text(encoding="utf-8")
    for mark, make in PAGES[page].items():
        begin, end = f"<!-- generated: {mark} -->", f"<!-- /generated: {mark} -->"
        before, rest = text.split(begin)
        text = f"{before}{begin}\n\n{make()}\n\n{end}{rest.split(end)[1]}"
    return text


if __name__ == "__main__":
    for page in PAGES:
        (DOCS / "reference" / page).write_text(written(page), encoding="utf-8")
