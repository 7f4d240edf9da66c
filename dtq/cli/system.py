"""What there is on a server: task types, workers, queues, and who asks."""

from __future__ import annotations

import json
from typing import Any

import click

from dtq.cli import words
from dtq.cli.login import connect
from dtq.cli.options import complete_types, json_option
from dtq.cli.terminal import when, write, write_json, write_pairs, write_table
from dtq.client import TypeDetails


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
        rows = [(kind.name, kind.category, _state(kind.usable, kind.served), kind.title) for kind in found]
        write_table(("NAME", "CATEGORY", "STATE", "TITLE"), rows, ("CATEGORY",))


def _state(usable: bool, served: bool) -> str:
    if not usable:
        return "not allowed"
    return "ready" if served else "no worker"


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
    rows = [(queue.priority, f"{queue.waiting}", f"{queue.running}", when(queue.oldest)) for queue in found]
    write_table(("PRIORITY", "WAITING", "RUNNING", "OLDEST"), rows)


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
