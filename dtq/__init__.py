"""Write task types for Distributed Task Queue.

    from dtq import Context, Fail, File, task

    @task(title="Count words", category="Text", timeout_s=60)
    def count_words(ctx: Context, source: File, least: int = 1) -> dict[str, int]:
        \"\"\"Count the words of a text file.\"\"\"
        words = source.path.read_text(encoding="utf-8").split()
        if len(words) < least:
            raise Fail(f"The file has {len(words):,} words. Send one with {least:,} or more.")
        return {"words": len(words)}

A task type is a typed function: its form, its JSON Schema and its validation are derived from its signature.
`dtq.lines` describes what lines of a text may look like, `dtq.checks` conditions on several parameters,
`dtq.filenames` makes safe file names, and `dtq.testing` runs a task type in a unit test.

`dtq.client` submits tasks to a server and waits for them, from any program: `pip install 'dtq[client]'`.

Without it, this package needs pydantic and nothing else. The program that runs task types (web UI and
workers) is not part of it.
"""

from dtq._types.signature import TaskTypeError
from dtq._types.task_type import TaskType, task
from dtq.child_tasks import ChildTask, NotSubmitted
from dtq.clock import utcnow
from dtq.context import Context
from dtq.files import File
from dtq.outcomes import Canceled, Fail, Retry

__all__ = [
    "Canceled", "ChildTask", "Context", "Fail", "File", "NotSubmitted", "Retry", "TaskType", "TaskTypeError",
    "task", "utcnow",
]  # fmt: skip

__version__ = "0.1.0"
