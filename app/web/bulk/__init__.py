"""Bulk actions: the preview, starting one, and its page."""
