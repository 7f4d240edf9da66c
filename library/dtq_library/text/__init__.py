"""The engine of *Clean*, *Transform* and *Analyze a text*: line by line, so that memory stays flat.

source.py     a text or a file as lines; what is no text is refused
clean.py      one line at a time: what a person cannot see or did not mean
transform.py  filter, replace, case, sort, number, wrap
analyze.py    counts and most common words; words.py says what a word and a sentence is
target.py     the lines that came out, as text or as a file, in any encoding
parameters.py what the forms ask
"""
