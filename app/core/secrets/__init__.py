"""Secrets: known as such on their way, sealed at rest, redacted in whatever a task says."""
