"""The engine of *Analyze a table*. Reading and typing are those of `dtq_library.tables`.

parameters.py   what the form asks
profile.py      what is found out about one column
frequent.py     different values, and the commonest
histogram.py    bins and their counts
correlation.py  Pearson's coefficient of pairs of columns
result.py       all of it as tables and charts
page.py         all of it as a page of HTML, page.html
"""
