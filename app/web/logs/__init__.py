"""The page of a log: every line with its number and time, a search, and what follows while it is written."""
