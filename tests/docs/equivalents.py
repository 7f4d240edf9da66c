"""What a person can do, on the pages, through the API and with `dtq`: the rows of a page of the reference."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from app.core.people.roles import Permission as May


@dataclass(frozen=True)
class Equivalent:
    """An action, and the permission that its routes need.

    ``pages`` says where it is done, ``routes`` are patterns of the endpoints of these pages, ``api`` are operation
    IDs, ``commands`` names of commands. Where one of these is empty, ``why`` says so. ``inside``
    names a permission that no route needs: it counts inside the routes of other actions. ``programs`` is the
    permission that the API needs, where that is another one.
    """

    what: str
    permission: May
    pages: str
    routes: tuple[str, ...]
    api: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    inside: bool = False
    programs: May | None = None
    why: str = ""

    def has(self, endpoint: str) -> bool:
        return any(fnmatchcase(endpoint, pattern) for pattern in self.routes)


EQUIVALENTS = (
    Equivalent("See what waits, runs and failed", May.TASK_READ, "Home", ("dashboard.*",), ("list_queues",), ("queues", "list")),
    Equivalent(
        "List, filter and search tasks", May.TASK_READ, "View Tasks", ("tasks.index", "tasks.rows", "tasks.counts"),
        ("list_tasks",), ("list",),
    ),
    Equivalent("Export a list", May.TASK_READ, "View Tasks", ("exports.tasks",), ("list_tasks",), ("list",)),
    Equivalent("See private tasks of others", May.TASK_READ_PRIVATE, "View Tasks", (), ("list_tasks",), ("list",), inside=True),
    Equivalent("Look at a task", May.TASK_READ, "its page", ("tasks.detail", "tasks.detail_live"), ("get_task",), ("show", "open")),
    Equivalent("See its attempts and files", May.TASK_READ, "its page", ("tasks.detail",), ("list_attempts", "list_files"), ("files",)),
    Equivalent("Wait for it", May.TASK_READ, "its page, live", ("tasks.detail_live",), ("get_task", "follow_task"), ("wait",)),
    Equivalent(
        "Follow its log", May.TASK_READ, "its page", ("tasks.log_live", "logs.page", "logs.more"), ("get_log",), ("logs",), programs=May.TASK_DOWNLOAD
    ),
    Equivalent("Save its log", May.TASK_DOWNLOAD, "its page", ("downloads.log",), ("get_log",), ("logs",)),
    Equivalent(
        "Save its result and files", May.TASK_DOWNLOAD, "its page",
        ("downloads.file", "downloads.image", "downloads.result", "downloads.result_text"),
        ("get_result", "get_file"), ("result", "download"),
    ),
    Equivalent(
        "Look at its result", May.TASK_READ, "its page", ("tasks.result",), ("get_result",), ("result",), programs=May.TASK_DOWNLOAD
    ),
    Equivalent("Create a task", May.TASK_CREATE, "Create Task", ("create.*",), ("create_task", "upload_file"), ("submit",)),
    Equivalent("Send secrets", May.SECRET_USE, "Create Task", (), ("create_task",), ("submit",), inside=True),
    Equivalent("Run a task again", May.TASK_CLONE, "its page", ("tasks.run_again", "many.again*"), ("clone_task",), ("clone", "bulk clone")),
    Equivalent("Cancel", May.TASK_CANCEL, "its page, View Tasks", ("tasks.cancel", "tasks.undo_cancel", "many.cancel*"), ("cancel_task",), ("cancel", "bulk cancel")),
    Equivalent("Retry", May.TASK_RETRY, "its page, View Tasks", ("tasks.retry", "many.retry*"), ("retry_task",), ("retry", "bulk retry")),
    Equivalent(
        "Change the priority", May.TASK_REPRIORITIZE, "its page, View Tasks", ("tasks.reprioritize", "tasks.undo_priority", "many.priority*"),
        ("set_priority",), ("priority", "bulk reprioritize"),
    ),
    Equivalent("Delete", May.TASK_DELETE, "its page, View Tasks", ("tasks.delete", "many.delete*"), ("delete_task",), ("delete", "bulk delete")),
    Equivalent(
        "Follow, stop and resume a change of many tasks", May.TASK_READ, "Bulk operations", ("bulk.*",),
        ("preview_bulk", "create_bulk", "list_bulk", "get_bulk", "stop_bulk", "resume_bulk"),
        ("bulk list", "bulk show", "bulk wait", "bulk stop", "bulk resume"),
    ),
    Equivalent("Add and remove tags", May.TASK_TAG, "View Tasks", ("many.tag*", "many.untag*"), ("create_bulk",), ("bulk tag", "bulk untag"), programs=May.TASK_READ),
    Equivalent("Create many tasks from a table", May.TASK_CREATE, "Create many", ("many_new.*",), ("create_batch",), ("batch submit",)),
    Equivalent("See batches", May.TASK_READ, "Batches", ("batches.*",), ("list_batches", "get_batch"), ("batch list", "batch show", "batch wait")),
    Equivalent("Save the results of a batch", May.TASK_READ, "its page", ("batches.export",), ("get_batch_results",), ("batch results",)),
    Equivalent("See saved views", May.TASK_READ, "View Tasks", ("saved_views.index",), ("list_views", "get_view"), ("views list", "views show", "list")),
    Equivalent(
        "Save, change and delete views", May.VIEW_SAVE, "View Tasks",
        ("saved_views.begin_with", "saved_views.delete", "saved_views.rename", "saved_views.save*", "saved_views.set_look"),
        ("create_view", "replace_view", "delete_view"), ("views save", "views delete"),
    ),
    Equivalent("Share views", May.VIEW_SHARE, "View Tasks", (), ("create_view",), ("views save",), inside=True),
    Equivalent(
        "Subscribe to notices and webhooks", May.NOTIFICATION_MANAGE, "Notifications", ("notifications.*",),
        ("list_webhooks", "create_webhook", "get_webhook", "change_webhook", "delete_webhook", "rotate_webhook_secret",
         "test_webhook", "list_deliveries", "get_delivery", "resend_delivery"),
        ("webhooks list", "webhooks show", "webhooks create", "webhooks on", "webhooks off", "webhooks rotate",
         "webhooks delete", "webhooks test", "webhooks deliveries", "webhooks resend"),
    ),
    Equivalent("Read statistics", May.TASK_READ, "Home", ("dashboard.home",), ("get_stats",), ("stats",)),
    Equivalent("Read metrics", May.METRICS_READ, "`/metrics`", ("monitoring.metrics",), why="`/metrics` is for programs itself"),
    Equivalent(
        "See task types and their parameters", May.TASK_READ, "Types", ("operations.types", "operations.type_page"),
        ("list_types", "get_type"), ("types",),
    ),
    Equivalent("See workers", May.TASK_READ, "Workers", ("operations.workers*",), ("list_workers",), ("workers",)),
    Equivalent("See queues", May.TASK_READ, "Queues", ("operations.queues*",), ("list_queues",), ("queues",)),
    Equivalent("Stop a worker", May.WORKER_MANAGE, "Workers", ("operations.stop_worker",), ("stop_worker",), ("stop-worker",)),
    Equivalent(
        "Pause and resume queues and types", May.QUEUE_MANAGE, "Queues, Types", ("operations.pause*", "operations.resume*"),
        ("pause_queue", "resume_queue", "pause_type", "resume_type"), ("pause", "resume"),
    ),
    Equivalent("See who you are and what you may do", May.TASK_READ, "Profile", (), ("get_me",), ("whoami",)),
    Equivalent(
        "Change your password, second factor, sessions and tokens", May.PROFILE_MANAGE, "Profile",
        ("profile.*", "authenticator_app.*", "passkeys.*", "tokens.*", "sign_in.sign_out"),
        why="A token must not change how its owner signs in, nor make other tokens",
    ),
    Equivalent("See the settings", May.SETTINGS_READ, "Settings", ("settings.*",), why="On the server: environment variables"),
    Equivalent("Read the audit log", May.AUDIT_READ, "Audit", ("audit.*",), why="Its page exports it; the server's log has each entry"),
    Equivalent("Manage users", May.USER_MANAGE, "Users", ("users.*",), why="On the server: `flask users`"),
)  # fmt: skip
