"""From files of every kind to a table, or to a sentence about why not."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter

from workers import Fail
from workers.library.tables.delimited import find_delimiter
from workers.library.tables.encodings import detect_encoding
from workers.library.tables.model import Column, ReadOptions, Table
from workers.library.tables.read import read_table

Read = Callable[..., Table]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read a file with this content and this name."""

    def run(content: bytes | str, name: str = "table.csv", **options: Any) -> Table:
        path = tmp_path / "upload"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_table(path, name, ReadOptions(**options), lambda share: None)

    return run


@pytest.fixture
def refused(read: Read) -> Callable[..., str]:
    """The sentence with which a file is refused."""

    def run(content: bytes | str, name: str = "table.csv", **options: Any) -> str:
        with pytest.raises(Fail) as failed:
            read(content, name, **options)
        return str(failed.value)

    return run


def headers(table: Table) -> list[str]:
    return [column.header for column in table.columns]


def rows(table: Table) -> list[tuple[Any, ...]]:
    return list(zip(*(values(column).to_list() for column in table.columns), strict=True))


def values(column: Column) -> pl.Series:
    return pl.concat(column.chunks())


def workbook(**sheets: list[list[Any]]) -> bytes:
    """An XLSX file; dates and times get the formats that spreadsheets know them by."""
    made = io.BytesIO()
    options = {"in_memory": True, "default_date_format": "yyyy-mm-dd hh:mm:ss"}
    with xlsxwriter.Workbook(made, options) as book:
        for name, cells in sheets.items():
            sheet = book.add_worksheet(name)
            for at, row in enumerate(cells):
                sheet.write_row(at, 0, row)
    return made.getvalue()


# CSV and TSV


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
        "quoted), or choose to skip broken rows."
    )


def test_broken_rows_are_skipped_when_asked_to(read: Read) -> None:
    table = read('a,b\n1,2,3\n3,"4"x\n5,6\n', broken_rows="skip")

    assert rows(table) == [("5", "6")]
    assert table.broken_rows == 2
    assert table.notes == ["Broken rows that were skipped: 2 (line 2, 3)."]


def test_a_broken_header_is_not_skipped(refused: Callable[..., str]) -> None:
    sentence = refused('"a"x,b\n1,2\n3,4\n', broken_rows="skip")

    assert sentence == "The header on line 1 is not well formed; correct its quotation marks."


@pytest.mark.parametrize("broken_rows", ["stop", "skip"])
def test_a_quote_that_is_never_closed_cannot_be_skipped(
    refused: Callable[..., str], broken_rows: str
) -> None:
    sentence = refused('a,b\n1,2\n"3,4\n5,6\n', broken_rows=broken_rows)

    assert sentence == "A quotation mark that is opened in the row on line 3 is never closed. Close it."


def test_a_field_as_long_as_a_lost_quote_makes_it(refused: Callable[..., str]) -> None:
    sentence = refused('a,b\n1,"2\n' + "3,4\n" * 40_000)

    assert sentence.startswith("The row on line 2 holds a field of more than 131,072 characters;")


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
    guess = "The file is not in UTF-8; it was read as windows-1252, its likeliest encoding. "

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
        "Line 3 does not decode as utf-8 (byte 0xfc). Choose another encoding, or save the file as UTF-8."
    )


# JSON


def test_json_records_of_different_shape(read: Read) -> None:
    table = read('[{"a": 1, "b": "x"}, {"b": null, "c": true}, {}]', "table.json")

    assert headers(table) == ["a", "b", "c"]
    assert rows(table) == [(1, "x", None), (None, None, True), (None, None, None)]
    assert table.detected.format == "json"


def test_a_json_object_of_columns(read: Read) -> None:
    assert rows(read('{"a": [1, 2], "b": ["x", null]}', "table.json")) == [(1, "x"), (2, None)]


def test_json_lines_pass_over_blank_lines(read: Read) -> None:
    table = read('{"a": 1}\n\n{"a": 2.5}\n', "table.jsonl")

    assert rows(table) == [(1.0,), (2.5,)]
    assert table.detected.format == "jsonl"


def test_a_json_column_of_several_types_is_text_and_said_to_be(read: Read) -> None:
    table = read('[{"a": 1}, {"a": "x"}, {"a": true}, {"a": 1.5}]', "table.json")

    assert rows(table) == [("1",), ("x",), ("true",), ("1.5",)]
    assert table.notes == ["Values of several types became text: a."]


def test_nested_json_is_kept_as_json(read: Read) -> None:
    table = read('[{"a": ["x", 1]}, {"a": {"ü": null}}, {"a": null}, {"a": 5}]', "table.json")

    assert rows(table) == [('["x", 1]',), ('{"ü": null}',), (None,), ("5",)]
    assert table.columns[0].is_json


def test_an_integer_beyond_64_bits_keeps_its_digits(read: Read) -> None:
    assert rows(read('[{"a": 123456789012345678901234567890}]', "table.json")) == [
        ("123456789012345678901234567890",)
    ]


@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        ('{"a": 1}\n{"a": }\n', "t.jsonl", "Line 2 is not valid JSON: Expecting value at character 7."),
        (
            '[{"a": 1},\n {"a" 2}]',
            "t.json",
            "Line 2 is not valid JSON: Expecting ':' delimiter at character 7.",
        ),
        ("a,b\n1,2\n", "t.json", "Line 1 is not valid JSON: Expecting value at character 1."),
        ('{"a": 1}\n[2]\n', "t.jsonl", "Line 2 is not a record;"),
        ('[{"a": 1}, 2]', "t.json", "Element 2 of the array is not a record"),
        (
            '{"a": [1], "b": [1, 2]}',
            "t.json",
            "The columns are not equally long: a has 1 values and b has 2;",
        ),
        ('{"a": 1, "b": 2}', "t.json", "The JSON is not a table:"),
        ("{}", "t.json", "The JSON is not a table:"),
        ('{"a": []}', "t.json", "The columns hold no values;"),
        ("[]", "t.json", "The file holds no records;"),
        ("[{}]", "t.json", "The file holds no records;"),
        ('[{"a": NaN}]', "t.json", "The file is not valid JSON: it holds NaN."),
        ('[{"a": "\\ud800"}]', "t.json", "A text holds half of a character ('\\ud800');"),
        ("[" * 200_000, "t.json", "The JSON is nested too deeply"),
        (
            '[{"a": ' + "9" * 5_000 + "}]",
            "t.json",
            "The JSON is nested too deeply, or holds a number too long",
        ),
    ],
)
def test_what_is_wrong_with_json(refused: Callable[..., str], content: str, name: str, sentence: str) -> None:
    assert refused(content, name).startswith(sentence)


# Parquet and XLSX


def test_parquet_keeps_its_types(read: Read) -> None:
    made = io.BytesIO()
    frame = pl.DataFrame(
        {
            "n": [1, None],
            "day": [dt.date(2024, 3, 1)] * 2,
            "kind": pl.Series(["a", "b"], dtype=pl.Categorical),
        }
    )
    frame.write_parquet(made)
    table = read(made.getvalue(), "table.parquet")

    assert rows(table) == [(1, dt.date(2024, 3, 1), "a"), (None, dt.date(2024, 3, 1), "b")]
    assert table.columns[2].dtype == pl.String


def test_a_sheet_has_integers_dates_and_times_where_all_values_are(read: Read) -> None:
    noon, midnight = dt.datetime(2024, 3, 1, 12), dt.datetime(2024, 3, 1)
    table = read(
        workbook(
            One=[
                ["whole", "part", "day", "moment", "time", "zip", "mixed", "yes"],
                [1, 1.5, midnight, noon, dt.time(10, 30), "00501", 1, True],
                [2, 2, None, midnight, dt.time(0), "10001", "x", False],
            ]
        ),
        "table.xlsx",
    )

    assert rows(table) == [
        (1, 1.5, dt.date(2024, 3, 1), noon, dt.time(10, 30), "00501", "1", True),
        (2, 2.0, None, midnight, dt.time(0), "10001", "x", False),
    ]
    assert [type(value) for value in rows(table)[0][:2]] == [int, float]


def test_the_header_of_a_sheet_is_its_first_row_that_is_not_empty(read: Read) -> None:
    table = read(workbook(One=[[], [], ["a", None, 2024], [], [1, 2, 3]]), "table.xlsx")

    assert headers(table) == ["a", "", "2024"]
    assert rows(table) == [(None, None, None), (1, 2, 3)]


def test_a_sheet_with_only_a_header(read: Read) -> None:
    table = read(workbook(One=[["a", "b"]]), "table.xlsx")

    assert (headers(table), table.height) == (["a", "b"], 0)
    assert table.notes == ["The table has a header and no rows."]


def test_the_first_of_several_sheets_is_read_and_the_others_are_told(read: Read) -> None:
    content = workbook(One=[["a"], [1]], Two=[["b"], [2]])

    assert headers(read(content, "t.xlsx")) == ["a"]
    assert read(content, "t.xlsx").notes == ["The workbook has 2 sheets; the first one, One, was read."]


def test_a_sheet_that_is_named_is_read(read: Read) -> None:
    table = read(workbook(One=[["a"], [1]], Two=[["b"], [2]]), "t.xlsx", sheet="Two")

    assert (headers(table), table.notes) == (["b"], [])
    assert table.detected.sheet == "Two"


@pytest.mark.parametrize(
    ("sheet", "sentence"),
    [
        ("Ome", "The workbook has no sheet named Ome. Did you mean One? Its sheets are: One, Empty."),
        ("Empty", "The sheet Empty is empty; a header row was expected."),
    ],
)
def test_sheets_that_cannot_be_read(refused: Callable[..., str], sheet: str, sentence: str) -> None:
    assert refused(workbook(One=[["a"], [1]], Empty=[]), "t.xlsx", sheet=sheet) == sentence


def test_nothing_about_empty_columns_is_logged(read: Read, caplog: pytest.LogCaptureFixture) -> None:
    read(workbook(One=[["a", "b"], [1, None]]), "t.xlsx")

    assert caplog.records == []


# What a file is


@pytest.mark.parametrize(
    ("content", "name", "found", "told"),
    [
        ('[{"a": 1}]', "t.csv", "json", "The name says .csv, but the content is JSON; it was read as that."),
        (
            '{"a": 1}\n{"a": 2}\n',
            "t.json",
            "jsonl",
            "The name says .json, but the content is JSONL; it was read as that.",
        ),
        (
            "a,b\n1,2\n",
            "t.parquet",
            "csv",
            "The name says .parquet, but the content is CSV; it was read as that.",
        ),
        (
            workbook(One=[["a"], [1]]),
            "t.csv",
            "xlsx",
            "The name says .csv, but the content is XLSX; it was read as that.",
        ),
        ('{"a": 1}', "t.jsonl", "jsonl", None),
        ('{"a": 1}\n{"a": 2}\n', "t", "jsonl", None),
        ("a\tb\n1\t2\n", "t.csv", "csv", None),
    ],
)
def test_content_goes_before_the_name_and_says_so(
    read: Read, content: bytes | str, name: str, found: str, told: str | None
) -> None:
    table = read(content, name)

    assert table.detected.format == found
    assert table.notes == ([told] if told else [])


@pytest.mark.parametrize(
    ("content", "name"),
    [("[id],name\n1,Ann\n", "t.csv"), ("{id},name\n1,Ann\n", "t.csv"), ("a\tb\n1\t2\n", "t")],
)
def test_brackets_alone_are_not_json(read: Read, content: str, name: str) -> None:
    table = read(content, name)

    assert (table.detected.format, table.height) == ("csv", 1)


def archive(*names: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as packed:
        for name in names:
            packed.writestr(name, "x")
    return made.getvalue()


OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\x89PNG\r\n\x1a\n", "an image"),
        (b"\xff\xd8\xff\xe0", "an image"),
        (gzip.compress(b"a,b\n1,2\n"), "a gzip archive"),
        (archive("table.csv"), "a ZIP archive"),
        (archive("word/document.xml"), "a Word document"),
        (archive("content.xml"), "an OpenDocument file"),
        (archive("xl/workbook.bin"), "an XLSB workbook"),
        (OLD_OFFICE, "an old Office file"),
        (b"MZ\x90\x00", "a program"),
        (b"a,b\n\x00\x01\n", "a binary file"),
        (bytes(range(256)), "a binary file"),
        ("<!DOCTYPE html><p>Sign in", "a web page (HTML)"),
        ("\n <TABLE><tr>", "a web page (HTML)"),
        ("<?xml version='1.0'?>", "an XML document"),
    ],
)
def test_what_is_no_table_is_called_by_its_name(
    refused: Callable[..., str], content: bytes | str, what: str
) -> None:
    sentence = refused(content)

    assert sentence.startswith(
        "This is not a table that can be read: a CSV, TSV, JSON, JSON Lines, Parquet or XLSX"
    )
    assert f"but this is {what}" in sentence


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty;"),
        (b"\xef\xbb\xbf", "The file holds nothing but blank space;"),
        (b" \n\n", "The file holds nothing but blank space;"),
        (OLD_OFFICE + "EncryptedPackage".encode("utf-16-le"), "The workbook is protected with a password;"),
        (b"PK\x03\x04" + bytes(100), "The file begins like an XLSX workbook but is damaged"),
        (archive("xl/workbook.xml"), "The XLSX workbook is damaged"),
        (b"PAR1" + bytes(100), "The Parquet file is damaged or incomplete;"),
    ],
)
def test_files_that_are_empty_locked_or_damaged(
    refused: Callable[..., str], content: bytes, sentence: str
) -> None:
    assert refused(content).startswith(sentence)


def test_a_header_that_begins_like_a_program_is_a_header(read: Read) -> None:
    assert headers(read("MZ,x\n1,2\n")) == ["MZ", "x"]


def test_reading_can_be_stopped(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps({"a": 1}) + "\n")

    def stop(share: float | None) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        read_table(path, "t.jsonl", ReadOptions(), stop)
