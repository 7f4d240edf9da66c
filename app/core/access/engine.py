"""The parts of the core that `Access` asks once it knows that it may."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.batches.creation import Creation
from app.core.bulk.operations import BulkOperations
from app.core.catalog import Catalog
from app.core.files.attempt_logs import Logs
from app.core.files.store import Files
from app.core.listing.listing import Listing
from app.core.listing.stats import Stats
from app.core.queue.bulk import Bulk
from app.core.queue.dispatcher import Dispatcher
from app.core.queue.pauses import Pauses
from app.core.tasks.queries import Queries
from app.core.tasks.store import Tasks
from app.core.views.preferences import Preferences
from app.core.views.saved_views import SavedViews


@dataclass(frozen=True)
class Engine:
    """What reads and writes tasks for everybody; it knows nothing of rights."""

    tasks: Tasks
    queries: Queries
    files: Files
    logs: Logs
    catalog: Catalog
    dispatch: Dispatcher
    listing: Listing
    bulk: Bulk
    operations: BulkOperations
    stats: Stats
    pauses: Pauses
    views: SavedViews
    preferences: Preferences
    batches: Creation
