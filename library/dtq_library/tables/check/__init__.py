"""The engine of *Check a table*. Reading is that of `dtq_library.tables`.

    parameters.py  what the form asks
    rules.py       the language of rules, one per line
    tests.py       what a cell must be, as expressions of Polars
    formats.py     dates in a form of one's own
    check.py       the rows that break rules, chunk after chunk, and the count of them

Cells are looked at one by one, as text: one bad cell says nothing about the others of its column.
"""
