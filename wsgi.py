"""What a WSGI server runs: `gunicorn wsgi:app`, configured by the environment (see environment.py)."""

from __future__ import annotations

import os
import sys

from app import create_app
from app.core.log_lines import start_up_line
from config import SettingsError

try:
    app = create_app()
except SettingsError as error:
    print(start_up_line(str(error), os.environ), file=sys.stderr)
    raise SystemExit(1) from None
