"""What the program that runs task types uses of this package, beyond what authors of task types import.

`app` and `workers` import it from here and nothing from the private modules: what they rely on is one list.
For authors there is nothing here, and names may change with any version.
"""

from dtq import _program as program
from dtq._types.colliding_keys import SAME_KEYS, colliding_key
from dtq._types.durations import parts as duration_parts
from dtq._types.durations import store as store_duration
from dtq._types.json_schema import refusals, schema_of
from dtq._types.numbers import finite
from dtq._types.result_kinds import PIECE, ResultKind
from dtq._types.signature import ALLOWED, BAD_NAME, DEEPEST, NAME, where_of
from dtq._types.task_type import known, registry

__all__ = [
    "ALLOWED",
    "BAD_NAME",
    "DEEPEST",
    "NAME",
    "PIECE",
    "SAME_KEYS",
    "ResultKind",
    "colliding_key",
    "duration_parts",
    "finite",
    "known",
    "program",
    "refusals",
    "registry",
    "schema_of",
    "store_duration",
    "where_of",
]
