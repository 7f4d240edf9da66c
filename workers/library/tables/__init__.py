"""The engine of *Clean a table*: files in, tidy columns, files out. Knows nothing of tasks but `Fail`.

    read.py       which reader, and one `Table` for every format
      sniff.py      what a file is, by name and by content; refuses what is not a table
      encodings.py  how its characters are written; latin.py for code pages that look alike
      delimited.py  CSV and TSV
      records.py    JSON and JSON Lines
      binary.py     Parquet and XLSX
    names.py      column names, and finding the one that was meant
    clean.py      one column: whitespace, missing, numbers, dates, case; counts every change
      numbers.py, dates.py   what a whole column of text agrees to be
    rows.py       empty rows and duplicates
    write.py      the clean file; excel.py for XLSX, typed.py for values as text and as types
    report.py     the figures
    model.py      the words they all share
    parameters.py what the form asks

Polars does the work on cells. It is imported inside functions only: a worker that never cleans a table
never loads it.
"""
