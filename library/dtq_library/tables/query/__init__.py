"""What *Query tables with SQL* is made of.

parameters.py  what the form asks
names.py       what tables and columns are called in a query
loading.py     tables as they were read, as Parquet files that the engine loads
engine.py      the program that runs a query in a process of its own: imports DuckDB and nothing of ours
process.py     starts it, follows it, ends it
problems.py    what went wrong in a query, as a sentence
outcome.py     the rows that came out: types, first rows, table, chart
"""
