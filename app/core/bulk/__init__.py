"""Bulk operations as documents, and running them; changing tasks is in `app.core.queue.bulk`."""
