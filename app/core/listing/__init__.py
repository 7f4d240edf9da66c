"""Lists of tasks: filters, keyset pages, prefix search, counts and figures."""
