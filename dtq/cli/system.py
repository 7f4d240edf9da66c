"""What there is on a server: task types, workers, queues, and who asks."""

from __future__ import annotations

import json
from typing import Any, cast, get_args

import click

from dtq.cli import words
from dtq.cli.login import connect
from dtq.cli.options import complete_types, json_option
from dtq.cli.terminal import one_line, say, when, write, write_json, write_pairs, write_table
from dtq.client import TypeDetails, TypeSummary
from dtq.client.records import Period, Priority

QUEUES = get_args(Priority)


@click.command("types")
@click.argument("name", required=False, shell_complete=complete_types)
@json_option
def types_command(name: str | None, as_json: bool) -> None:
    """List the task types, or the parameters of one of them."""
    client = connect()
    found = client.type(name) if name else client.types()
    if as_json:
        write_json(found)
    elif isinstance(found, TypeDetails):
        _show_type(found)
    else:
        rows = [(kind.name, kind.category, _state(kind), kind.title) for kind in found]
        write_table(("NAME", "CATEGORY", "STATE", "TITLE"), rows, ("CATEGORY",))


def _state(kind: TypeSummary) -> str:
    if not kind.usable:
        return "not allowed"
    if kind.paused:
        return "paused"
    return "ready" if kind.served else "no worker"


def _show_type(kind: TypeDetails) -> None:
    write_pairs(
        [("Name", kind.name), ("Title", kind.title), ("About", kind.summary), ("Priority", kind.priority)]
    )
    write("")
    schema = kind.params_schema
    required = schema.get("required", [])
    rows = [
        (name, _kind(schema, about), "required" if name in required else json.dumps(about.get("default")),
         about.get("title", ""))
        for name, about in schema.get("properties", {}).items()
    ]  # fmt: skip
    write_table(("PARAMETER", "KIND", "DEFAULT", "TITLE"), rows)


def _kind(root: dict[str, Any], schema: dict[str, Any]) -> str:
    found, _ = words.resolved(root, schema)
    if found.get("format") == "file-id":
        return "file"
    if found.get("type") == "array":
        return f"list of {_kind(root, found.get('items', {}))}"
    if "enum" in found:
        return "choice"
    if found.get("format") == "password":
        return "secret"
    kinds = {"integer": "whole number", "boolean": "yes or no", "object": "model", "string": "text"}
    kind = str(found.get("type", "JSON"))
    return kinds.get(kind, kind)


@click.command("workers")
@json_option
def workers_command(as_json: bool) -> None:
    """List the running workers."""
    found = connect().workers()
    if as_json:
        write_json(found)
        return
    rows = [(w.name, w.state, f"{w.processed}", when(w.started_at), w.task or "") for w in found]
    write_table(("NAME", "STATE", "TASKS", "STARTED", "TASK"), rows, ("STARTED",))


@click.command("queues")
@json_option
def queues_command(as_json: bool) -> None:
    """Show how many tasks wait and run, by priority."""
    found = connect().queues()
    if as_json:
        write_json(found)
        return
    rows = [
        (q.priority, f"{q.waiting}", f"{q.running}", "paused" if q.paused else "open", when(q.oldest))
        for q in found
    ]
    write_table(("PRIORITY", "WAITING", "RUNNING", "STATE", "OLDEST"), rows)


@click.command("pause")
@click.argument("what", metavar="QUEUE|TYPE", shell_complete=complete_types)
@click.option("--why", default="", help="For people who see the pause.")
def pause_command(what: str, why: str) -> None:
    """Have workers start no other task of a queue (high, medium, low) or a type. Those that run continue."""
    client = connect()
    client.pause_queue(cast(Priority, what), why) if what in QUEUES else client.pause_type(what, why)
    say(f"{one_line(what)}: paused.")


@click.command("resume")
@click.argument("what", metavar="QUEUE|TYPE", shell_complete=complete_types)
def resume_command(what: str) -> None:
    """Have workers start tasks of a paused queue or type again."""
    client = connect()
    client.resume_queue(cast(Priority, what)) if what in QUEUES else client.resume_type(what)
    say(f"{one_line(what)}: resumed.")


@click.command("stop-worker")
@click.argument("name", metavar="WORKER")
def stop_worker_command(name: str) -> None:
    """Have a worker stop after its task. It notices within 10 seconds."""
    connect().stop_worker(name)
    say(f"{one_line(name)}: asked to stop.")


@click.command("stats")
@click.option("--period", type=click.Choice(get_args(Period)), default="1h", show_default=True)
@json_option
def stats_command(period: Period, as_json: bool) -> None:
    """Show what finished, waited and ran over an hour, a day or a week."""
    found = connect().stats(period)
    if as_json:
        write_json(found)
        return
    rows = [
        (when(point.start), *map(_number, (point.succeeded, point.failed, point.canceled, point.waiting)),
         _number(point.queue_time_p50_s), _number(point.queue_time_p95_s), _share(point.utilization))
        for point in found.points
    ]  # fmt: skip
    head = ("FROM", "SUCCEEDED", "FAILED", "CANCELED", "WAITING", "P50 (S)", "P95 (S)", "USED")
    write_table(head, rows, ("CANCELED", "P50 (S)"))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, int) else f"{value:.1f}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


@click.command("whoami")
@json_option
def whoami_command(as_json: bool) -> None:
    """Show whose token is used, and what it may do."""
    client = connect()
    me = client.me()
    if as_json:
        write_json(me)
        return
    rights = ", ".join(f"{name} ({whose})" for name, whose in me.permissions.items())
    write_pairs([("Server", client.url), ("Name", me.name), ("Role", me.role), ("May", rights)])
