"""IDs of requests, where requests come from, and the log line of each."""
