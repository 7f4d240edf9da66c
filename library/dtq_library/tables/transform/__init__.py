"""The engine of *Transform a table*. Reading, typing and writing are those of `dtq_library.tables`.

    parameters.py  what the form asks
    conditions.py  which rows stay
    values.py      what is compared with a column, as its type
    filling.py     missing values
    grouping.py    groups and what is computed of them
    joining.py     a second file
    columns.py     which columns, in which order
    sorting.py     the order of rows
    letters.py     upper and lower case
    shaping.py, report.py   what comes out

Each takes a lazy frame and gives one; Polars streams where it can.
"""
