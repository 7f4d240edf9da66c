"""The engine of the task types on tables: files in, columns that agree on what they hold, files out.

Knows nothing of tasks but `Fail`; only steps.py knows a task's context.

    read.py       which reader, and one `Table` for every format
      sniff.py      what a file is, by name and by content; refuses what is not a table
      encodings.py  how its characters are written; code_pages.py tells code pages apart by the letters of
                    languages, which are in alphabets.py
      delimited.py  CSV and TSV; dialect.py for delimiters and lines above the header, opinions.py for
                    doubts about these, layout.py for what a person says of them
      records.py    JSON and JSON Lines; shapes.py finds the records of a document
      binary.py     Parquet; parquets.py has DuckDB write again what Polars cannot read, maps.py makes JSON
                    of maps
      workbooks.py  spreadsheets: sheet, header, and calamine where a sheet is plain; else xlsx.py and ods.py,
                    which read into the cells of grid.py
    stage.py      the rows in chunks, in memory or on disk, whatever they came from
    names.py      column names, and finding the one that was meant
    clean.py      one column: whitespace, missing, numbers, dates, case; counts every change
      cells.py      questions that all cells of a column have to answer
      numbers.py, dates.py   what a whole column of text agrees to be
    rows.py       empty rows and duplicates; repeats.py for equal rows among millions
    cleaned.py    the clean rows, chunk by chunk
    write.py      a table as a file; excel.py for XLSX, typed.py for values as text and as types
    report.py     the figures of a cleaning
    opened.py     a table with typed columns, for the other task types; written.py: how numbers were written
    lines.py      small languages, one rule a line
    steps.py      the steps that every task type on tables has, with their progress
    model.py      the words they all share
    parameters.py what the form asks

A file is read once into chunks. What a column is, is decided from all of its chunks, one column at a time;
then every chunk is finished by itself. So memory has a bound however long the file is, save for an XLSX
workbook and a single JSON document, which are read as a whole.

Polars does the work on cells. It is imported inside functions only: a worker that never opens a table
never loads it.
"""
