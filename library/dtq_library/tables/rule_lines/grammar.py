"""What the languages of lines about columns have in common, as parts of their grammars
(`dtq.lines`).

A form judges a line without its table, so a grammar refuses only what is wrong whatever the columns are
called and hold; the readers beside each grammar judge the rest when the task runs, in the same words.
"""

from __future__ import annotations

from dtq.lines import Part

COMMENT = "#"
NO_VALUE = "a value was expected at the end."
QUOTES = "a quotation mark is never closed, or something follows the closing one."
QUOTED = r'"(?:[^"]|"")*"'
_ONE = rf'(?:[^"]|{QUOTED}$)'
_ENTRY = r'\s*(?:"(?:[^"]|"")*(?:[^"\s]|"")(?:[^"]|"")*"|[^",\s][^,]*)'

VALUE = [Part({"minLength": 1}, NO_VALUE), Part({"pattern": f"^{_ONE}"}, QUOTES)]
"""One value, which may stand in double quotes."""
VALUES = Part(
    {"pattern": f"^{_ENTRY}(?:,{_ENTRY})*$"}, "values with commas between them were expected, such as CA, NY."
)
"""Several values with commas between them."""
NAME = [*VALUE, Part({"not": {"pattern": r'^"?(?:\*|\^.*\$)"?$'}}, "a name was expected after as.")]
"""A new name of a column."""
