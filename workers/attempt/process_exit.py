"""The end of a process that has run tasks."""

from __future__ import annotations

import os
import sys
import traceback
from typing import NoReturn

from workers.attempt.output_capture import flush


def end_as(error: BaseException | None) -> NoReturn:
    """End this process as Python would with an error, or with none, but at once.

    Python would first wait for the threads that tasks have left, which may be forever.
    """
    code = 1
    try:
        if error is None:
            code = 0
        elif not isinstance(error, SystemExit):
            traceback.print_exception(error)
        elif isinstance(error.code, int | None):
            code = (error.code or 0) & 0xFF
        else:
            print(error.code, file=sys.stderr)
    finally:
        flush()
        os._exit(code)
