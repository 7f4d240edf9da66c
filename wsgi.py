"""What a WSGI server runs: `gunicorn wsgi:app`, configured by the environment (see environment.py)."""

from __future__ import annotations

import sys

from app import create_app
from config import SettingsError

try:
    app = create_app()
except SettingsError as error:
    print(error, file=sys.stderr)
    raise SystemExit(1) from None
