"""The version of the format of the database, which every process compares with its own."""
