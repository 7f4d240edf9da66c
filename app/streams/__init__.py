"""Event streams of pages and of the API: many watchers, one thread (docs/explanation/architecture.md)."""
