"""Batches: many tasks that are created at once."""
