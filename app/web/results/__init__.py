"""Results by the kind that their type's author chose. Nothing here makes HTML; nothing here fails on a value.

table_state.py  which table of a result is sorted and paged how: the query string
source.py   the value: from the task, or the beginning of the file that it became
selection.py    from value and kind to what the templates draw; what does not fit is shown as every value is
table.py    sorted and paged rows
preview.py  the first rows of a table, and what is left out
tree.py     JSON as a tree
text.py     lines of text
chart.py    histograms, bars, lines and points, with the same numbers as a table
saved_files.py  files, how those that are text begin, and which of them are images
"""
