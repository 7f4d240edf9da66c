"""The engine of the task types on tables: files in, columns that agree on what they hold, files out.

Knows nothing of tasks but `Fail`; only steps.py knows a task's context.

    tasks.py      the task types, of clean/, transform/, analyze/ and check/
    steps.py      the steps that each of them has, with their progress
    parameters.py what their forms ask; layout.py how a delimited file is laid out
    model.py      the words they all share; stage.py the rows in chunks, in memory or on disk
    names.py      column names, and finding the one that was meant
    rule_lines/   small languages of a form, one rule per line
    rows.py       empty rows and duplicates; repeats.py equal rows among millions; losses.py what went missing
    opened.py     a table with typed columns
    io/           from a file to a table and back: read.py and write.py, then a module per format
    values/       what the cells of a column are: numbers, dates, text
    clean/        *Clean a table*: the clean rows and the figures

How the characters of a file are written is found in `dtq_library.encodings`.

A file is read once into chunks. What a column is, is decided from all of its chunks, one column at a time;
then every chunk is finished by itself. So memory has a bound however long the file is, save for an XLSX
workbook and a single JSON document, which are read as a whole.

Polars does the work on cells. It is imported inside functions only: a worker that never opens a table
never loads it.
"""
