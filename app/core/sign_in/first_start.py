"""The link that a server that starts gives: to the person of this machine, or for the first administrator.

It is made as soon as MongoDB answers, which may be long after the start.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from pymongo.errors import PyMongoError

from app.core.errors import Conflict, Unavailable
from app.core.mongo import Mongo
from app.core.people.person import Origin
from app.core.schema import indexes
from app.core.sign_in.administration import COMMAND, Administration, link_path

AGAIN_S = 3.0


def first_link(db: Mongo, administration: Administration, *, local: bool) -> str | None:
    """Return the path of a fresh link; None where nobody needs one, as there are users.

    Raises what MongoDB raises, and Unavailable.
    """
    indexes.create_indexes(db)  # Names are unique by an index.
    if local:
        user = administration.people.users.local()
        return link_path(administration.local_link(user, COMMAND, Origin()))
    token = administration.bootstrap_link(COMMAND, Origin())
    return link_path(token) if token else None


def say_first_link(
    db: Mongo, administration: Administration, say: Callable[[str], None], *, local: bool
) -> threading.Thread:
    """Say the path of the link in a thread, once it can be made; nothing where there are users already."""

    def wait() -> None:
        while True:
            try:
                path = first_link(db, administration, local=local)
            except Conflict:  # The local user is disabled: nobody is signed in by themselves.
                return
            except (PyMongoError, Unavailable):
                time.sleep(AGAIN_S)
            else:
                return say(path) if path else None

    thread = threading.Thread(target=wait, name="first-link", daemon=True)
    thread.start()
    return thread
