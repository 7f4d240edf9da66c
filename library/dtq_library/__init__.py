"""The task types that come with the program, one family a package.

``TASK_MODULES=dtq_library`` registers all of them. Heavy libraries are imported inside functions, so
that a worker starts quickly and pays for a library only when a task needs it.
"""

from dtq_library import demo
from dtq_library.archives import tasks as archive_tasks
from dtq_library.email import tasks as email_tasks
from dtq_library.http import tasks as http_tasks
from dtq_library.tables import tasks as table_tasks
from dtq_library.text import tasks as text_tasks

__all__ = ["archive_tasks", "demo", "email_tasks", "http_tasks", "table_tasks", "text_tasks"]
