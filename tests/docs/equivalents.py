"""What a person can do, on the pages, through the API and with `dtq`: the rows of a page of the reference."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.people.roles import Permission


@dataclass(frozen=True)
class Equivalent:
    """An action; ``api`` are operation IDs, ``commands`` names of commands. Where both are empty, pages only."""

    what: str
    permission: Permission
    pages: str
    api: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


EQUIVALENTS = (
    Equivalent("List, filter and search tasks", Permission.TASK_READ, "View Tasks", ("list_tasks",), ("list",)),
    Equivalent("Look at a task", Permission.TASK_READ, "its page", ("get_task",), ("show", "open")),
    Equivalent("See its attempts and files", Permission.TASK_READ, "its page", ("list_attempts", "list_files"), ("files",)),
    Equivalent("Wait for a task", Permission.TASK_READ, "its page, live", ("get_task",), ("wait",)),
    Equivalent("See private tasks of others", Permission.TASK_READ_PRIVATE, "View Tasks", ("list_tasks",), ("list",)),
    Equivalent("Read a log", Permission.TASK_DOWNLOAD, "its page", ("get_log",), ("logs",)),
    Equivalent("Read a result", Permission.TASK_DOWNLOAD, "its page", ("get_result",), ("result",)),
    Equivalent("Download files", Permission.TASK_DOWNLOAD, "its page", ("get_file",), ("download",)),
    Equivalent("Export a list as CSV or JSON Lines", Permission.TASK_DOWNLOAD, "View Tasks", ("list_tasks",), ("list",)),
    Equivalent("Upload a file", Permission.TASK_CREATE, "Create Task", ("upload_file",), ("submit",)),
    Equivalent("Create a task", Permission.TASK_CREATE, "Create Task", ("create_task",), ("submit",)),
    Equivalent("Send secrets", Permission.SECRET_USE, "Create Task", ("create_task",), ("submit",)),
    Equivalent("Run a task again", Permission.TASK_CLONE, "its page", ("clone_task",), ("clone",)),
    Equivalent("Cancel", Permission.TASK_CANCEL, "its page", ("cancel_task",), ("cancel",)),
    Equivalent("Retry", Permission.TASK_RETRY, "its page", ("retry_task",), ("retry",)),
    Equivalent("Change the priority", Permission.TASK_REPRIORITIZE, "its page", ("set_priority",), ("priority",)),
    Equivalent("Delete", Permission.TASK_DELETE, "its page", ("delete_task",), ("delete",)),
    Equivalent(
        "Change many tasks at once", Permission.TASK_READ, "View Tasks",
        ("preview_bulk", "create_bulk", "list_bulk", "get_bulk", "stop_bulk", "resume_bulk"), ("bulk",),
    ),
    Equivalent("See task types and their parameters", Permission.TASK_READ, "Types", ("list_types", "get_type"), ("types",)),
    Equivalent("See workers and queues", Permission.TASK_READ, "Workers, Queues", ("list_workers", "list_queues"), ("workers", "queues")),
    Equivalent("See who you are and what you may do", Permission.TASK_READ, "Profile", ("get_me",), ("whoami",)),
    Equivalent("Change the password, sessions and tokens", Permission.PROFILE_MANAGE, "Profile"),
    Equivalent("Stop workers", Permission.WORKER_MANAGE, "Workers"),
    Equivalent("Pause queues and task types", Permission.QUEUE_MANAGE, "Queues, Types"),
    Equivalent("See the settings", Permission.SETTINGS_READ, "Settings"),
    Equivalent("Read the audit", Permission.AUDIT_READ, "Audit"),
    Equivalent("Manage users", Permission.USER_MANAGE, "Users"),
)  # fmt: skip
