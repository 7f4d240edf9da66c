"""How the web server runs, for `make up`, the container and any `gunicorn wsgi:app` in this folder.

The settings come from the table in config.py, in the environment of environment.py. The number of processes
is gunicorn's own `WEB_CONCURRENCY` (1 unless given); each answers WEB_THREADS requests at once.
"""

import logging
import os
import sys
from collections.abc import Mapping
from typing import Any

from app.core.log_lines import start_up_line
from config import SettingsError, load
from environment import conceal, effective, is_loopback

given: Mapping[str, str] = os.environ
try:
    environment = effective(os.environ)
    given = environment.values
    settings = load(given)
except SettingsError as problems:
    sys.exit(start_up_line(str(problems), given))
conceal({})  # From tasks that run as the same user; the application still reads `os.environ`.
if environment.note:
    print(start_up_line(environment.note, given, logging.INFO), file=sys.stderr)

bind = settings.web_bind
worker_class = "app.gunicorn_worker.Worker"  # gthread, where slow clients hold no threads
threads = settings.web_threads
keepalive = 5
limit_request_line = 8_190  # The address of a preview names up to 200 tasks.
# gunicorn would believe SCRIPT_NAME and X-Forwarded-Proto from any program on loopback. Proxies are
# counted instead (WEB_PROXIES), by the application.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
timeout = 60  # Not for a request, which runs in a thread, but for a process that stopped turning.
graceful_timeout = 8
loglevel = settings.log_level
logger_class = f"app.gunicorn_logger.{settings.log_format.capitalize()}Logger"
accesslog = None  # The application logs requests itself; the proxy in front of it does, too.
errorlog = "-"
control_socket_disable = True  # It would be one file in the home folder for every server of a person.
if os.path.isdir("/dev/shm"):  # noqa: S108 - memory of the system, named by gunicorn's own documentation
    worker_tmp_dir = "/dev/shm"  # noqa: S108  # Heartbeats there never wait for a disk.


def on_starting(server: Any) -> None:
    """Refuse to show a local server to other machines, also where an option of gunicorn says so."""
    hosts = [place[0] for place in server.cfg.address if isinstance(place, tuple)]
    if settings.local and not all(map(is_loopback, hosts)):
        sys.exit(
            "WEB_BIND: with ENVIRONMENT=local use an address of this machine only, such as 127.0.0.1:8000; "
            "set ENVIRONMENT=production and a SECRET_KEY to be reached from others."
        )


def post_fork(server: Any, worker: Any) -> None:
    """A serving process does not outlive its master, even one that was killed."""
    # Imported here: a master that holds the application's modules would keep old code over a reload.
    from app.core.parent_death import die_with

    die_with(worker.ppid)


def post_worker_init(worker: Any) -> None:
    """The log of a server that starts says what is wrong with its stores, and how the first person signs in.

    The latter comes from the first of several processes, and not again when one is replaced.
    """
    from app.web.platform.stores import announce, say_bootstrap_link

    announce(worker.wsgi)
    if worker.age == 1 and not settings.local:
        say_bootstrap_link(worker.wsgi)
