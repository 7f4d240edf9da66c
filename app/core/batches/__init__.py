"""Batches: many tasks that were created at once, all of them or none, and what has become of them."""
