"""What a WSGI server runs: `gunicorn wsgi:app`, configured by the environment."""

from __future__ import annotations

import os
import sys

from app import create_app
from app.core.failpoints import arm
from config import SettingsError, load

try:
    arm(os.environ)
    app = create_app(load(os.environ))
except SettingsError as error:
    print(error, file=sys.stderr)
    raise SystemExit(1) from None
