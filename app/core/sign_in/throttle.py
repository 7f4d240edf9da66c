"""How often a password may be tried: counted in Redis before it is checked, so no race gets past it.

Three budgets, each a moving window:

- of one account from one address,
- of one address for all accounts,
- of one account from all addresses. A flood of tries from everywhere uses it up, and must not
  lock its owner out by that: a browser in which the account has signed in before has a budget of its own
  instead of the last two (OWASP's device cookies).

Without Redis nothing can be counted, and so no password is checked. Links that sign in once are random and
need no counting; they go on working.
"""

from __future__ import annotations

import hashlib
import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from redis import Redis
from redis.exceptions import RedisError

from app.core.errors import QueueUnavailable, TooManyTries
from app.core.people.names import name_key
from app.core.store_errors import causes
from config import Settings
from setting_values import Rate

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.strategies import MovingWindowRateLimiter

AWAY = (
    "Signing in with a password is not possible while Redis does not answer, because tries are counted "
    "there. Try again in a moment. A link that signs in once still works."
)
PREFIX = "dtq:sign-in"
NETWORK_BITS_V6 = 64  # What one customer of a provider has at least.


@dataclass(frozen=True)
class Attempt:
    """Who tries: the name that was typed, the address of the client, and the device where it is known."""

    name: str
    address: str
    device: str = ""


def network(address: str) -> str:
    """Return what counts as one address: for IPv6 the /64 network, as one client usually has all of it."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, NETWORK_BITS_V6), strict=False))
    return str(getattr(found, "ipv4_mapped", None) or found)


@dataclass(frozen=True)
class Budget:
    """A rate and whose it is."""

    item: RateLimitItem
    key: str


@dataclass
class Throttle:
    """Counts tries; ``redis`` gives the client at each use."""

    redis: Callable[[], Redis | Any]
    per_pair: Rate
    per_address: Rate
    per_account: Rate
    _limiter: MovingWindowRateLimiter | None = field(default=None, init=False)

    @classmethod
    def of(cls, redis: Callable[[], Redis | Any], settings: Settings) -> Throttle:
        return cls(redis, settings.sign_in_rate, settings.sign_in_rate_address, settings.sign_in_rate_account)

    def count(self, attempt: Attempt) -> None:
        """Count a try before its password is checked. Raises TooManyTries, QueueUnavailable."""
        self._hit(self._budgets(attempt))

    def count_visit(self, kind: str, address: str) -> None:
        """Count what anybody may ask for, by address alone. Raises TooManyTries, QueueUnavailable."""
        self._hit([_budget(self.per_address, kind, network(address))])

    def _hit(self, budgets: list[Budget]) -> None:
        try:
            limiter = self._counting()
            for budget in budgets:
                if not limiter.hit(budget.item, budget.key):
                    reset = limiter.get_window_stats(budget.item, budget.key).reset_time
                    raise TooManyTries(max(1, round(reset - time.time())))
        except RedisError as error:
            raise QueueUnavailable(AWAY, causes.of_redis(error, self.redis())) from error

    def forget(self, attempt: Attempt) -> None:
        """Give a person who signed in their own tries back; without Redis they come back by themselves."""
        try:
            own = self._budgets(attempt)[0]
            self._counting().clear(own.item, own.key)
        except RedisError:
            return

    def _budgets(self, attempt: Attempt) -> list[Budget]:
        account = name_key(attempt.name)
        if attempt.device:
            return [_budget(self.per_pair, "device", account, attempt.device)]
        address = network(attempt.address)
        return [
            _budget(self.per_pair, "pair", account, address),
            _budget(self.per_address, "address", address),
            _budget(self.per_account, "account", account),
        ]

    def _counting(self) -> MovingWindowRateLimiter:
        if self._limiter is None:
            # Imported at first use: workers count nothing.
            from limits.storage import RedisStorage
            from limits.strategies import MovingWindowRateLimiter

            pool = self.redis().connection_pool
            storage = RedisStorage("redis://", connection_pool=pool, key_prefix=PREFIX)
            self._limiter = MovingWindowRateLimiter(storage)
        return self._limiter


def _budget(rate: Rate, kind: str, *words: str) -> Budget:
    """The key is a hash: names may hold anything and be long, and Redis need not know them."""
    from limits import RateLimitItemPerSecond

    key = hashlib.sha256("\0".join(words).encode("utf-8", "replace")).hexdigest()[:32]
    return Budget(RateLimitItemPerSecond(rate.count, rate.seconds), f"{kind}:{key}")
