"""Batches: creating many tasks from a table, and the page of a batch."""
