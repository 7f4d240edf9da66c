"""The task types that come with the program, one family a module.

``TASK_MODULES=workers.library`` registers all of them. Heavy libraries are imported inside functions, so
that a worker starts quickly and pays for a library only when a task needs it.
"""

from workers.library import archives, data, demo, mail, text, web

__all__ = ["archives", "data", "demo", "mail", "text", "web"]
