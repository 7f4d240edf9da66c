"""Content goes before the name; what is no table is called by its name."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from dtq_library.tables.io.read import read_table
from dtq_library.tables.model import ReadOptions
from tests.library.reading import Read, headers, workbook

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
        "This is not a table that can be read: a CSV, TSV, JSON, JSON Lines, Parquet, XLSX or ODS"
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
