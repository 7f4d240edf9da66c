"""From files of every kind to a table, or to a sentence about why not."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from dtq_library.encodings.detection import detect_encoding
from dtq_library.tables import stage
from dtq_library.tables.io import delimited
from dtq_library.tables.io.delimited import QuotingFault, quoting_fault
from dtq_library.tables.io.dialect import MAX_FIELD_CHARS, find_delimiter
from tests.library.reading import Read, headers, rows, values


def test_quotes_delimiters_and_line_breaks_inside_of_cells(read: Read) -> None:
    table = read('name,"the, note"\r\n"O""Neil","two\nlines, one cell"\r\nplain"quote,x\r\n')

    assert headers(table) == ["name", "the, note"]
    assert rows(table) == [('O"Neil', "two\nlines, one cell"), ('plain"quote', "x")]


def test_empty_fields_are_missing_quoted_or_not(read: Read) -> None:
    assert rows(read('a,b\n"",\nx, \n')) == [(None, None), ("x", " ")]


def test_blank_lines_are_skipped_before_the_header_and_rows_after_it(read: Read) -> None:
    table = read("\n\na,b\n\n1,2\n\n")

    assert headers(table) == ["a", "b"]
    assert rows(table) == [(None, None), ("1", "2"), (None, None)]
    assert table.notes == []


def test_short_rows_are_filled_up_and_counted(read: Read) -> None:
    table = read("a,b,c\n1\n1,2\n1,2,3\n")

    assert rows(table) == [("1", None, None), ("1", "2", None), ("1", "2", "3")]
    assert table.notes == ["Rows with fewer fields than the header, filled up with missing ones: 2."]


def test_empty_fields_beyond_the_header_lose_nothing(read: Read) -> None:
    table = read("a,b\n1,2,,\n")

    assert rows(table) == [("1", "2")]
    assert table.notes == ["Rows with empty fields beyond the last column, which were left out: 1."]


def test_a_broken_row_stops_with_the_line_on_which_it_begins(refused: Callable[..., str]) -> None:
    assert refused('a,b\n"two\nlines",2\n1,2,3\n') == (
        "Line 4 has 3 fields, but the header has 2. Correct that line (text that holds the delimiter must be "
        "quoted), or choose to skip malformed rows."
    )


def test_broken_rows_are_skipped_when_asked_to(read: Read) -> None:
    table = read('a,b\n1,2,3\n3,"4"x\n5,6\n', broken_rows="skip")

    assert rows(table) == [("5", "6")]
    assert table.broken_rows == 2
    assert table.notes == ["Malformed rows that were skipped: 2 (line 2, 3)."]


def test_a_broken_header_is_not_skipped(refused: Callable[..., str]) -> None:
    sentence = refused('"a"x,b\n1,2\n3,4\n', broken_rows="skip")

    assert sentence == "The header on line 1 is not well formed; correct its quotation marks."


@pytest.mark.parametrize("broken_rows", ["stop", "skip"])
def test_a_quote_that_is_never_closed_cannot_be_skipped(
    refused: Callable[..., str], broken_rows: str
) -> None:
    sentence = refused('a,b\n1,2\n"3,4\n5,6\n', broken_rows=broken_rows)

    assert sentence == "A quotation mark that is opened in the row on line 3 is never closed. Close it."


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('"a"b,c\n', QuotingFault.MALFORMED),
        ('"a\n', QuotingFault.UNCLOSED),
        ("x" * 101, QuotingFault.FIELD_LIMIT),
        ("a\rb\n", QuotingFault.OTHER),
    ],
)
def test_errors_of_the_parser_are_told_apart(line: str, fault: QuotingFault) -> None:
    before = csv.field_size_limit(100)
    try:
        with pytest.raises(csv.Error) as raised:
            list(csv.reader([line], strict=True))
    finally:
        csv.field_size_limit(before)

    assert quoting_fault(raised.value) is fault


def test_a_field_as_long_as_a_lost_quote_makes_it(refused: Callable[..., str]) -> None:
    sentence = refused('a,b\n1,"2\n' + f"3,{'4' * 1_000}\n" * (MAX_FIELD_CHARS // 1_000))

    assert sentence.startswith("The row on line 2 holds a field of more than 16,777,216 characters;")


def test_text_after_a_closing_quote_stops(refused: Callable[..., str]) -> None:
    assert refused('a,b\n1,"2"x\n').startswith("The row on line 2 is not well formed")


@pytest.mark.parametrize(
    ("sample", "delimiter"),
    [
        ("a,b\n1,2\n", "comma"),
        ("a;b\n1,5;2,5\n", "semicolon"),
        ("a\tb\n1,5\t2;5\n", "tab"),
        ("a|b\n1|2\n", "pipe"),
        ('"a;b";c\n"1;2";3\n', "semicolon"),
        ("a,b,c\nx;y,2,3\n", "comma"),
        ("name;note\nAnn;one, two\nBob;three, four, five\n", "semicolon"),
        ("only\none\n", "comma"),
        ("a,b\n1,2\n1,2,3\n", "comma"),
    ],
)
def test_the_delimiter_is_found(sample: str, delimiter: str) -> None:
    assert find_delimiter(sample) == delimiter


def test_a_tsv_file_of_one_column_has_tabs(read: Read) -> None:
    assert read("only\none\n", "table.tsv").detected.delimiter == "tab"


def test_a_delimiter_that_is_named_is_used(read: Read) -> None:
    assert headers(read("a,b;c\n1,2;3\n", delimiter="comma")) == ["a", "b;c"]


def test_excels_own_first_line_names_the_delimiter(read: Read) -> None:
    table = read("sep=|\na,b|c\n1,2|3\n")

    assert headers(table) == ["a,b", "c"]
    assert table.detected.delimiter == "pipe"


def test_lines_are_counted_from_the_top_of_the_file(refused: Callable[..., str]) -> None:
    assert refused("sep=;\na;b\n1;2;3\n").startswith("Line 3 has 3 fields")


def test_many_chunks_of_rows_keep_their_order(read: Read) -> None:
    table = read("n\n" + "".join(f"{number}\n" for number in range(45_000)))

    assert values(table.columns[0]).cast(pl.Int64).to_list() == list(range(45_000))


# Encodings


@pytest.mark.parametrize(
    ("text", "encoding", "detected"),
    [
        ("name,x\nMüller,1\n", "utf-8", "utf-8"),
        ("name,x\nMüller,1\n", "utf-8-sig", "utf-8-sig"),
        ("name,x\nMüller,1\n", "utf-16", "utf-16"),
        ("name,x\nMüller,1\n", "utf-16-le", "utf-16-le"),
        ("name,x\nMüller,1\n", "utf-16-be", "utf-16-be"),
        ("name,x\nMüller,1\n", "utf-32", "utf-32"),
        ("name,x\nMüller,Köln\n", "cp1252", "windows-1252"),
        ("nom,x\nHélène,Besançon\n", "latin-1", "windows-1252"),
        ("item,price\ntea,£3 – “fine”\n", "cp1252", "windows-1252"),
        ("jméno,x\nJiří,Plzeň\n", "cp1250", "windows-1250"),
        ("imię,x\nŻaneta,Łódź\n", "iso8859-2", "iso-8859-2"),
        ("ad,x\nAyşe,Erdoğan\n", "cp1254", "windows-1254"),
        ("nafn,x\nÞórður,Reykjavík\n", "cp1252", "windows-1252"),
        ("item,price\ncafé,3 €\n", "iso8859-15", "iso-8859-15"),
        ("имя,x\nИван,Москва\n", "cp1251", "windows-1251"),
        ("дата,x\nнет,1\n", "cp1251", "windows-1251"),
        ("όνομα,x\nΓιώργος,Αθήνα\n", "cp1253", "windows-1253"),
        ("名前,x\n田中,東京\n", "cp932", "shift_jis"),
        ("姓名,城市和地区\n张伟明,北京市朝阳区\n", "gb18030", "gb18030"),
    ],
)
def test_encodings(read: Read, text: str, encoding: str, detected: str) -> None:
    table = read(text.encode(encoding))
    header, row = (line.split(",") for line in text.splitlines())

    assert table.detected.encoding == detected
    assert (headers(table), rows(table)) == (header, [tuple(row)])


def test_one_name_far_below_in_another_encoding_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "names.csv"
    path.write_bytes(b"name\n" + b"Smith\n" * 30_000 + "Müller\n".encode("cp1252"))

    assert detect_encoding(path)[0] == "windows-1252"


def test_a_guess_says_so_and_certainty_does_not(read: Read) -> None:
    guess = "The file isn't in UTF-8. It was read as windows-1252, its likeliest encoding. "

    assert read("a\nü\n".encode("cp1252")).notes == [
        guess + "If letters look wrong, choose the encoding yourself."
    ]
    assert read("a\nü\n").notes == []


def test_an_encoding_that_is_named_is_used(read: Read) -> None:
    table = read("imię\nŁódź\n".encode("iso8859-2"), encoding="iso-8859-2")

    assert (headers(table), rows(table)) == (["imię"], [("Łódź",)])
    assert table.notes == []


def test_the_mark_of_utf8_is_no_part_of_the_first_name(read: Read) -> None:
    assert headers(read("\ufeffname,x\n1,2\n", encoding="utf-8")) == ["name", "x"]


def test_zeros_are_binary_whatever_encoding_is_named(refused: Callable[..., str]) -> None:
    assert refused(b"a,b\n\x00,1\n", encoding="windows-1252").endswith("but this is a binary file.")


def test_a_wrong_encoding_names_the_line(refused: Callable[..., str]) -> None:
    assert refused("a\nb\nü\n".encode("cp1252"), encoding="utf-8") == (
        "Line 3 doesn't decode as utf-8 (byte 0xfc). Correct that line, choose another encoding, or "
        "choose to replace undecodable bytes."
    )


# JSON


def test_rows_that_do_not_fit_into_memory_go_through_the_disk(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "MEMORY_BYTES", 0)
    monkeypatch.setattr(delimited, "_CHUNK_CHARS", 100)
    table = read("n,s\n" + "".join(f"{number},x\n" for number in range(500)))

    assert table.stage.on_disk
    assert [row[0] for row in rows(table)] == [f"{number}" for number in range(500)]
    assert table.stage.scan().collect().height == table.height == 500


def test_what_was_let_go_of_is_not_an_empty_table(read: Read) -> None:
    table = read("a\n1\n")
    table.stage.discard()

    with pytest.raises(ValueError, match="let go of"):
        list(table.stage.chunks())
