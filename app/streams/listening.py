"""The thread that hears of changes for all streams of a process, and ends those that nobody may watch.

One subscription, whatever the number of streams. Sessions, tokens and users are read again for all of them at
once, so a stream outlives a sign-out by `LOOK_EVERY_S` at most.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection

from pymongo.errors import PyMongoError

from app.core.errors import QueueUnavailable
from app.core.services import Services
from app.streams.following import Following
from app.streams.hub import Hub
from app.streams.stream import Watcher

LOOK_EVERY_S = 5.0
AGAIN_S = 2.0

log = logging.getLogger("app.streams")


class Listener:
    """Hears of changes by Redis for ``hub``, and for what reads for it."""

    def __init__(self, services: Services, hub: Hub, following: Following) -> None:
        self._services, self._hub, self._following = services, hub, following
        self._looked_at = time.monotonic()

    def start(self) -> None:
        threading.Thread(target=self.run, name="changes", daemon=True).start()

    def run(self) -> None:
        """Listen as long as the process lives."""
        while True:
            listening = False
            try:
                for changes in self._services.changes.listen():
                    if not listening:
                        listening = True
                        self._tell_listening(True)
                    if changes:
                        self._hub.tell(changes)
                        self._following.hear(changes)
                    self.look()
            except QueueUnavailable as error:
                log.debug("%s", error)
            except Exception:  # a defect here must not silence every stream for good
                log.exception("Listening for changes failed; it begins again.")
            if listening:
                self._tell_listening(False)
            self.look()
            time.sleep(AGAIN_S)

    def _tell_listening(self, listening: bool) -> None:
        self._hub.listening(listening)
        self._following.listening(listening)

    def look(self) -> None:
        """End the streams of those who may not watch any more, when it is time to."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = now
        try:
            self._hub.leave_all(ended(self._services, self._hub.watchers))
        except PyMongoError as error:  # nobody can fetch anything meanwhile
            log.debug("Sessions could not be read: %s", error)


def ended(services: Services, watchers: Collection[Watcher]) -> list[Watcher]:
    """Return those whose session or token is over, who may not sign in, or who have another role by now."""
    if not watchers:
        return []
    people = services.people
    sessions = people.sessions.lasting({one.session for one in watchers if one.session})
    tokens = people.tokens.lasting({one.person.token for one in watchers if one.person.token})
    users = {user.id: user for user in people.users.among({one.person.id for one in watchers})}

    def may(one: Watcher) -> bool:
        user = users.get(one.person.id)
        if user is None or not user.enabled or user.role is not one.person.role:
            return False
        token = one.person.token
        return (not one.session or one.session in sessions) and (not token or token in tokens)

    return [one for one in watchers if not may(one)]
