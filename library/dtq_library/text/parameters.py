"""The parameters of the three text types, as their forms show them."""

from typing import Annotated, Any, Literal

from pydantic import Field

from dtq import File
from dtq_library.tables.parameters import Encoding as Encoding
from dtq_library.tables.parameters import Undecodable as Undecodable
from dtq_library.text import clean, transform

NO_WORDS: list[str] = []


def _choice(title: str, description: str = "", /, **labels: str) -> Any:
    return Field(title=title, description=description, json_schema_extra={"labels": dict(labels)})


Text = Annotated[
    str,
    Field(
        title="Text",
        description="Type it here, or choose a file below.",
        json_schema_extra={"format": "textarea"},
    ),
]
Source = Annotated[
    File | None, Field(title="File", description="A text file in any encoding, instead of the text above.")
]

# Clean

Invisible = Annotated[
    bool,
    Field(
        title="Remove invisible characters",
        description="Control characters, byte order marks, zero-width spaces, soft hyphens, marks of "
        "direction. Tabs stay, and so do joiners, which emoji and some scripts need.",
    ),
]
Unicode = Annotated[
    clean.Unicode,
    _choice(
        "Unicode",
        "One way to write each letter: é as one character, not as e and an accent.",
        NFC="Composed (NFC)",
        NFKC="Composed and made plain: ﬁ becomes fi, ² becomes 2 (NFKC)",
        keep="As it is",
    ),
]
Spaces = Annotated[
    clean.Spaces,
    _choice(
        "Spaces",
        "Indentation stays in any case.",
        collapse="Make special ones plain, and one space between words",
        plain="Make special ones plain, such as no-break spaces",
        keep="As they are",
    ),
]
Quotes = Annotated[
    clean.Quotes,
    _choice(
        "Quotation marks", "“ ” „ and ‘ ’ ‚", straight="Make them straight: \" and '", keep="As they are"
    ),
]
Tabs = Annotated[
    clean.Tabs,
    _choice(
        "Tabs",
        "Expands tabs to the next tab stop.",
        **{"keep": "As they are", "2": "Spaces, 2 wide", "4": "Spaces, 4 wide", "8": "Spaces, 8 wide"},
    ),
]
Trailing = Annotated[bool, Field(title="Remove spaces at the ends of lines")]
BlankLines = Annotated[
    clean.BlankLines,
    _choice(
        "Blank lines",
        keep="As they are",
        one="One between paragraphs, none at the beginning and the end",
        none="Remove them",
    ),
]
LineEnds = Annotated[
    clean.LineEnds,
    _choice(
        "Line endings",
        "The last line gets one, too.",
        lf="LF, as on Linux, macOS and the web",
        crlf="CRLF, as on Windows",
        keep="As they are",
    ),
]

# Transform

KeepLines = Annotated[str, Field(max_length=1_000, title=transform.KEEP, description="Empty: every line.")]
DropLines = Annotated[str, Field(max_length=1_000, title=transform.DROP, description="Empty: no line.")]
Find = Annotated[
    str,
    Field(
        max_length=1_000,
        title=transform.FIND,
        description="Exactly this text, unless regular expressions are chosen below.",
    ),
]
ReplaceWith = Annotated[str, Field(max_length=1_000, title=transform.REPLACE)]
Patterns = Annotated[
    bool,
    Field(
        title="Regular expressions",
        description="What lines contain and what is found are patterns, such as ^\\d+; in the replacement, "
        "\\1 is the first group.",
        json_schema_extra={"advanced": True},
    ),
]
IgnoreCase = Annotated[
    bool,
    Field(
        title="Ignore case",
        description="For keeping, dropping, finding, sorting and duplicates.",
    ),
]
Case = Annotated[
    transform.Case,
    _choice(
        "Letter case",
        keep="As it is",
        lower="lower case",
        upper="UPPER CASE",
        title="Title Case",
    ),
]
Unique = Annotated[
    bool,
    Field(title="Drop duplicate lines", description="The first of equal lines stays, wherever they stand."),
]
Sort = Annotated[
    transform.Sort,
    _choice(
        "Order of lines",
        "By the numbers of the characters in Unicode: Z before a, z before ä.",
        keep="As it is",
        ascending="Ascending",
        descending="Descending",
        reverse="From the last to the first",
    ),
]
Prefix = Annotated[str, Field(max_length=1_000, title="Put before each line")]
Suffix = Annotated[str, Field(max_length=1_000, title="Put after each line")]
NumberLines = Annotated[bool, Field(title="Number the lines", description="1. and so on.")]
WrapAt = Annotated[
    int | None,
    Field(
        ge=10,
        le=1_000,
        title="Wrap lines at",
        description="Maximum line length in characters. Wraps at spaces. Leave empty for no wrapping.",
    ),
]
OutputEncoding = Annotated[
    Literal[
        "utf-8",
        "utf-8-sig",
        "utf-16",
        "windows-1252",
        "windows-1250",
        "windows-1251",
        "iso-8859-1",
        "iso-8859-2",
        "iso-8859-15",
        "ascii",
        "shift_jis",
        "gb18030",
    ],
    _choice("Encoding of the result", **{"utf-8": "utf-8", "utf-8-sig": "utf-8 with a byte order mark"}),
]
Lossy = Annotated[
    bool,
    Field(
        title="Replace unsupported characters with “?”",
        description="Otherwise the task fails and names the first one.",
    ),
]
OutputEnds = Annotated[
    Literal["same", "lf", "crlf"],
    _choice(
        "Line endings",
        same="Same as first line",
        lf="LF, as on Linux, macOS and the web",
        crlf="CRLF, as on Windows",
    ),
]

# Analyze

Commonest = Annotated[
    int, Field(ge=0, le=1_000, title="Most common words", description="How many are listed.")
]
StopWords = Annotated[
    list[str],
    Field(
        title="Ignore these words (stop words)",
        description="Of the list of most common words, such as: the. They are counted everywhere else.",
    ),
]
WordsPerMinute = Annotated[
    int,
    Field(
        ge=50,
        le=1_500,
        title="Words per minute",
        description="For the reading time. Adults read 238 of English non-fiction; most 175 to 300.",
    ),
]
