"""Why MongoDB or Redis cannot be used, and what to do about it."""
