"""The core put together: what the web process, the workers and the command line each hold once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from pymongo.errors import PyMongoError
from redis import Redis
from redis.exceptions import RedisError

from app.core import mongo as database
from app.core.access.access import Access
from app.core.access.bulk import BulkAccess
from app.core.access.child_tasks import ChildTasks
from app.core.access.engine import Engine
from app.core.access.notifications import Notifications, Subscribers
from app.core.access.rights import Rights
from app.core.batches.creation import Creation
from app.core.batches.store import Batches
from app.core.bulk.operations import BulkOperation, BulkOperations
from app.core.bulk.run import BulkRunner
from app.core.catalog import Catalog
from app.core.errors import Cause, Unavailable
from app.core.files.attempt_logs import Logs
from app.core.files.store import Files
from app.core.listing.listing import Listing
from app.core.listing.search_index import Words
from app.core.listing.stats import Stats
from app.core.mongo import Mongo
from app.core.notifications.conditions import Conditions
from app.core.notifications.deliveries import Attempt, Deliveries, Delivery
from app.core.notifications.outbox import Outbox
from app.core.notifications.sending import Sender
from app.core.notifications.subscription import Channel, Subscription
from app.core.notifications.subscriptions import Subscriptions
from app.core.people.passwords import Passwords
from app.core.people.people import People
from app.core.people.person import Origin, Person
from app.core.people.quotas import Quotas, Rates
from app.core.queue import connection
from app.core.queue.bulk import Bulk
from app.core.queue.changes import Change, Changes, Code
from app.core.queue.dispatcher import Dispatcher
from app.core.queue.pauses import Pauses
from app.core.queue.recovery import Recovery
from app.core.queue.rq import Queues
from app.core.schema import indexes
from app.core.secrets.vault import Vault
from app.core.sign_in.administration import Administration
from app.core.sign_in.challenges import Challenges
from app.core.sign_in.programs import Programs
from app.core.sign_in.sign_in import SignIn
from app.core.sign_in.throttle import Throttle
from app.core.statistics.live_tasks import LiveTasks
from app.core.statistics.meter import Meter
from app.core.statistics.minutes import Minutes
from app.core.statistics.series import Series
from app.core.statistics.task_counts import TaskCounts
from app.core.store_errors import causes
from app.core.store_errors.advice import explained
from app.core.store_errors.sparse_log import SparseLog
from app.core.tasks.deletions import Deletions
from app.core.tasks.observer import Observer
from app.core.tasks.queries import Queries
from app.core.tasks.store import Tasks
from app.core.views.preferences import Preferences
from app.core.views.saved_views import SavedViews
from config import Settings

if TYPE_CHECKING:
    from app.core.sign_in.factors import Factors

log = logging.getLogger("app.core.services")


@dataclass(frozen=True)
class Services:
    """Every part of the core over one database and one Redis."""

    settings: Settings
    db: Mongo
    tasks: Tasks
    queries: Queries
    files: Files
    logs: Logs
    catalog: Catalog
    queues: Queues
    pauses: Pauses
    dispatch: Dispatcher
    recovery: Recovery
    listing: Listing
    bulk: Bulk
    operations: BulkOperations
    batches: Creation
    stats: Stats
    views: SavedViews
    preferences: Preferences
    vault: Vault
    people: People
    sign_in: SignIn
    administration: Administration
    programs: Programs
    sent_forms: Challenges
    quotas: Quotas
    changes: Changes
    subscriptions: Subscriptions
    deliveries: Deliveries
    outbox: Outbox
    meter: Meter
    minutes: Minutes
    live_tasks: LiveTasks
    series: Series
    lasting: SparseLog = field(default_factory=SparseLog)

    def access(self, person: Person, origin: Origin = Origin()) -> Access:  # noqa: B008 - it never changes
        """Return tasks as a person may read and change them."""
        engine = Engine(
            self.tasks,
            self.queries,
            self.files,
            self.logs,
            self.catalog,
            self.dispatch,
            self.listing,
            self.bulk,
            self.operations,
            self.stats,
            self.pauses,
            self.views,
            self.preferences,
            self.batches,
        )
        rights = Rights(person, origin, self.people.audit)
        return Access(engine, rights, self.quotas, self._notifications(rights))

    def _notifications(self, rights: Rights) -> Notifications:
        return Notifications(self.settings, self.subscriptions, self.deliveries, rights, self.quotas.rates)

    def conditions(self) -> Conditions:
        """Return what looks for tasks that wait for too long, and for types without workers."""
        outbox = self.outbox
        return Conditions(
            self.queries, self.subscriptions, self.deliveries, outbox.audience, self.catalog.served
        )

    def sender(self) -> Sender:
        """Return what sends the deliveries of everybody."""
        from app.core.notifications.channels import chat, email, webhook

        def by_webhook(subscription: Subscription, delivery: Delivery) -> Attempt:
            secrets = self.subscriptions.secrets(subscription)
            return webhook.send(self.settings, subscription.asked.address, secrets, delivery)

        def by_email(subscription: Subscription, delivery: Delivery) -> Attempt:
            return email.send(self.settings, subscription.asked.address, delivery)

        def by_chat(subscription: Subscription, delivery: Delivery) -> Attempt:
            address = self.subscriptions.address(subscription)
            return chat.send(self.settings, subscription.asked.channel, address, delivery)

        channels = {
            Channel.WEBHOOK: by_webhook,
            Channel.EMAIL: by_email,
            **dict.fromkeys(chat.FORMATS, by_chat),
        }
        return Sender(self.subscriptions, self.deliveries, self.outbox.audience, channels)

    @property
    def child_tasks(self) -> ChildTasks:
        """Return what submits tasks for tasks that run."""
        return ChildTasks(self.access, self.people.users, self.catalog, self.queries)

    def bulk_runner(self, holder: str) -> BulkRunner:
        """Return what runs the bulk operations of everybody."""

        def rights(person: Person, operation: BulkOperation) -> BulkAccess:
            return self.access(person, operation.came_from).bulk

        return BulkRunner(self.operations, self.bulk, self.people.users, rights, holder)

    def troubles(self) -> Iterator[Unavailable]:
        """Try what every process needs of the stores; yields why one cannot be used."""
        checks: tuple[Callable[[], None], ...] = (
            lambda: indexes.require_usable(self.db),
            self.queues.require_usable,
        )
        for check in checks:
            try:
                check()
            except Unavailable as error:
                yield error
            except PyMongoError as error:  # an index that cannot be made is said where they are made
                log.warning("MongoDB could not be checked: %s", error)

    def explain(self, error: BaseException) -> str:
        """Return why a store cannot be used and what to do, for a log; empty where an error is of none."""
        setting, cause = self._cause(error)
        if not setting:
            return ""
        said = f" It said: {error.__cause__ or error}" if cause is Cause.OTHER else ""
        return explained(setting, cause) + said

    def _cause(self, error: BaseException) -> tuple[str, Cause | None]:
        if isinstance(error, RedisError):
            return "REDIS_URL", causes.of_redis(error, self.queues.redis)
        if isinstance(error, Unavailable) and (error.cause or not error.setting):
            return error.setting, error.cause
        cause = causes.of_mongodb(error, self.db.client)
        return ("MONGODB_URI" if cause else ""), cause

    def close(self) -> None:
        """Give the connections back; nothing can be asked afterwards."""
        self.db.client.close()
        self.queues.redis.close()


def assemble(settings: Settings, db: Mongo, redis: Redis | Any) -> Services:
    """Put the core together over stores that are given; connects to nothing by itself."""
    words, changes, vault, meter = Words(db), Changes(redis), Vault.of(settings), Meter(redis)
    subscriptions, deliveries = Subscriptions(db, vault), Deliveries(db)
    retention = timedelta(days=settings.retention_days)
    tasks = Tasks(db, retention, words.learn, _observer(subscriptions, changes, meter))
    queries, queues, files = Queries(db), Queues(redis), Files(db, settings.upload_max_mb * 2**20)
    logs = Logs(db, lambda task_id: changes.tell([Change(Code.LOG, str(task_id))]))
    deletions, listing = Deletions(db, tasks, files, logs), Listing(db, words)
    dispatch = Dispatcher(tasks, queues, files, deletions, words, vault, settings.max_worker_losses)
    stats, catalog = Stats(db, listing), Catalog(db, tasks, lambda: changes.tell([Change(Code.WORKERS)]))
    people, rates = People.of(db, settings, lambda: _providers(settings)), Rates(lambda: queues.redis)
    outbox = Outbox(tasks, queries, subscriptions, deliveries, Subscribers(people, listing))
    deletions.before, minutes = outbox.tell_of, Minutes(db, stats, catalog)
    return Services(
        settings=settings,
        db=db,
        tasks=tasks,
        queries=queries,
        files=files,
        logs=logs,
        catalog=catalog,
        queues=queues,
        pauses=Pauses(db, lambda: changes.tell([Change(Code.QUEUES)])),
        dispatch=dispatch,
        recovery=Recovery(dispatch, queries),
        listing=listing,
        bulk=Bulk(listing, dispatch, queries),
        operations=BulkOperations(db),
        stats=stats,
        views=SavedViews(db),
        preferences=Preferences(db),
        batches=Creation(Batches(db, retention), dispatch, queries),
        vault=vault,
        people=people,
        sign_in=SignIn(people, Throttle.of(lambda: queues.redis, settings), Passwords()),
        administration=Administration(people, lambda: _factors(db, settings)),
        programs=Programs(people, rates, settings.sign_in_rate_address),
        sent_forms=Challenges(db, "form", timedelta(days=1)),
        quotas=Quotas.of(rates, queries.count_waiting, settings),
        changes=changes,
        subscriptions=subscriptions,
        deliveries=deliveries,
        outbox=outbox,
        meter=meter,
        minutes=minutes,
        live_tasks=LiveTasks(db),
        series=Series(minutes),
    )


def _observer(subscriptions: Subscriptions, changes: Changes, meter: Meter) -> Observer:
    changed, progressed = (partial(changes.tasks, code) for code in (Code.STATUS, Code.PROGRESS))
    return Observer(subscriptions.concern, changed, progressed, TaskCounts(meter))


def _providers(settings: Settings) -> set[str]:
    """Return the names of what signs people in instead of a password here. Raises SettingsError."""
    from app.core.single_sign_on.providers import PROXY, read_providers

    return {*read_providers(settings.identity_providers), *([PROXY] if settings.proxy_user_header else [])}


def _factors(db: Mongo, settings: Settings) -> Factors:
    from app.core.sign_in.factors import Factors

    return Factors.of(db, settings)


def connect(settings: Settings) -> Services:
    """The core over the stores that the settings name, with clients of its own."""
    return assemble(
        settings,
        database.connect(settings),
        connection.connect(settings.redis_url, settings.redis_timeout_ms),
    )
