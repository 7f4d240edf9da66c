"""*Clean a text*, against the system's own tools where they do the same."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtq_library.text.clean import Cleaner, CleanOptions
from dtq_library.text.tasks import clean_text
from tests.library.running import Runner

Tool = Callable[[list[str], str], str]
NOTHING = {
    "invisible": False,
    "unicode": "keep",
    "spaces": "keep",
    "trailing": False,
    "blank_lines": "keep",
    "line_ends": "keep",
}


def cleaned(alice: Runner, text: str, **only: Any) -> str:
    """The text after the steps that are named, and no other."""
    return str(alice.result(clean_text, text=text, **{**NOTHING, **only})["text"])


def test_a_text_whole(alice: Runner) -> None:
    text = "\ufeff\r\n\r\n  He\u00adllo\u00a0  World \u200b \r\n\r\n\r\ncafe\u0301\x07\tx\ty  \r\nend"
    result = alice.result(clean_text, text=text, quotes="straight", tabs="4")

    assert result == {
        "lines_in": 7,
        "lines_out": 4,
        "characters_in": 1 + 0 + 19 + 0 + 0 + 12 + 3,
        "characters_out": 13 + 0 + 13 + 3,
        "lines_changed": {
            "invisible": 3,
            "unicode": 1,
            "spaces": 1,
            "quotes": 0,
            "tabs": 1,
            "trailing": 2,
            "line_ends": 7,
        },
        "blank_lines_removed": 3,
        "encoding": "utf-8",
        "notes": [],
        "text": "  Hello World\n\ncaf\u00e9    x   y\nend\n",
        "file": None,
    }


def test_nothing_chosen_changes_nothing(alice: Runner) -> None:
    text = "\u200b a\u00a0b  \r\n\r\n\tc\re\u0301\n"

    assert cleaned(alice, text) == text


@pytest.mark.parametrize("width", ["2", "4", "8"])
def test_tabs_are_those_of_expand(alice: Runner, tool: Tool, width: str) -> None:
    text = "\ta\tbb\tccc\n  \td\n\t\t\nabcdefgh\ti\n"

    assert cleaned(alice, text, tabs=width) == tool(["expand", f"-t{width}"], text)


def test_ends_of_lines_are_those_of_sed(alice: Runner, tool: Tool) -> None:
    text = "a\nb\n\nc\n"

    assert cleaned(alice, text, line_ends="crlf") == tool(["sed", "s/$/\\r/"], text)
    assert cleaned(alice, "a\r\nb\rc\nd", line_ends="lf") == "a\nb\nc\nd\n"
    assert cleaned(alice, "a\r\nb\rc\nd", line_ends="keep") == "a\r\nb\rc\nd\n"


def test_spaces_at_the_ends_are_those_of_sed(alice: Runner, tool: Tool) -> None:
    text = "a  \n \t \n  b\t\nc\n"

    assert cleaned(alice, text, trailing=True) == tool(["sed", "s/[[:space:]]*$//"], text)


def test_blank_lines_are_those_of_cat_and_grep(alice: Runner, tool: Tool) -> None:
    text = "a\n\n\n\nb\n\nc\n"

    assert cleaned(alice, text, blank_lines="one") == tool(["cat", "-s"], text)
    assert cleaned(alice, text, blank_lines="none") == tool(["grep", "."], text)
    assert cleaned(alice, "\n \n\na\n\n\n", blank_lines="one") == "a\n"
    assert cleaned(alice, "\n \n\n", blank_lines="one") == ""


def test_spaces_between_words_are_one_and_indentation_stays(alice: Runner, tool: Tool) -> None:
    text = "    a  b   c d\n  e    f\n"

    assert cleaned(alice, text, spaces="collapse") == tool(["sed", "-E", "s/([^ ]) {2,}/\\1 /g"], text)
    assert cleaned(alice, "a\u00a0\u2003b  c\u3000d", spaces="plain") == "a  b  c d\n"


def test_quotation_marks_are_straight(alice: Runner) -> None:
    text = "„a“ “b” ‘c’ ‚d‘ it’s «e» 5′"

    assert cleaned(alice, text, quotes="straight") == "\"a\" \"b\" 'c' 'd' it's «e» 5′\n"


def test_letters_are_composed(alice: Runner) -> None:
    text = "e\u0301 A\u030a ﬁ ² \u1e9b\u0323"

    assert cleaned(alice, text, unicode="NFC") == unicodedata.normalize("NFC", text) + "\n"
    assert cleaned(alice, text, unicode="NFKC") == unicodedata.normalize("NFKC", text) + "\n"


def test_what_cannot_be_seen_goes_and_what_is_needed_stays(alice: Runner) -> None:
    gone = "\x00\x07\x1b\x7f\x9f\u00ad\u200b\u2060\ufeff\u200e\u200f\u202a\u202e\u2066\u2069\u061c"
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    stays = f"a\tb ü 漢 {family} نمی\u200cخواهم é"

    assert cleaned(alice, f"{gone}{stays}{gone}", invisible=True) == stays + "\n"
    assert cleaned(alice, "a\x0cb\u2028c\x85d", invisible=True) == "a b c d\n"


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    def clean(given: str) -> str:
        import io

        cleaner = Cleaner(CleanOptions(quotes="straight", blank_lines="one"))
        return "".join(cleaner.clean(io.StringIO(given, newline="")))

    assert clean(clean(text)) == clean(text)


# Where it comes from and goes to


def test_a_file_in_another_encoding_comes_back_in_utf_8(alice: Runner) -> None:
    content = "Größe  \r\n„Übermaß“ für 5 €\r\n" * 40
    result = alice.result(clean_text, source=alice.file(content.encode("cp1252"), "Brief.txt"))

    assert result["text"] is None
    assert result["file"]["name"] == "Brief-clean.txt"
    assert alice.content(result["file"]).decode() == "Größe\n„Übermaß“ für 5 €\n" * 40
    assert result["encoding"] == "cp1252" or result["encoding"] == "windows-1252"
    assert "likeliest" in result["notes"][0]
    assert alice.told[-1][0] == alice.told[-1][1] == len(content.encode("cp1252"))


def test_a_mark_of_the_encoding_is_no_part_of_the_text(alice: Runner) -> None:
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        result = alice.result(
            clean_text, source=alice.file("a b\n".encode(encoding), "x.md"), invisible=False
        )
        assert alice.content(result["file"]) == b"a b\n"
        assert result["file"]["name"] == "x-clean.md"


def test_a_long_text_is_kept_as_a_file(alice: Runner) -> None:
    result = alice.result(clean_text, text="word " * 20_000)

    assert (result["text"], result["file"]["name"]) == (None, "text-clean.txt")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "x.bin is empty."),
        (b"\x7fELF\x00\x01\x02" * 9, "x.bin is a binary file; a text was expected."),
        (b"a" * 4_000_001, "Line 1 is longer than 4,000,000 characters."),
    ],
)
def test_what_is_no_text_is_refused(alice: Runner, content: bytes, said: str) -> None:
    assert alice.refusal(clean_text, source=alice.file(content, "x.bin")) == said


def test_one_of_text_and_file_is_needed(alice: Runner) -> None:
    assert "nothing to work on" in alice.refusal(clean_text)
    assert "give one of them" in alice.refusal(clean_text, text="a", source=alice.file("b", "b.txt"))


def test_a_file_that_does_not_decode_as_asked_names_the_line(alice: Runner) -> None:
    source = alice.file(b"fine\nbad \xff\n", "x.txt")

    assert "Line 2 " in alice.refusal(clean_text, source=source, encoding="utf-8")
