"""What a file is: by its content first, by its name where the content leaves it open.

Refuses, by name, what people send by mistake. Decoding and parsing are the readers' matter.
"""

from __future__ import annotations

import json
import mmap
import re
import zipfile
from pathlib import Path, PurePath

from dtq import Fail
from dtq_library.refusals import not_a_table
from dtq_library.tables.model import Format

EXTENSIONS: dict[str, Format] = {
    ".csv": "csv",
    ".psv": "csv",
    ".txt": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".ods": "ods",
}
COMPRESSED = (".gz",)
"""Ends of names that are added to those of `EXTENSIONS`."""

_SIGNATURES = (
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"II*\x00", "an image"),
    (b"MM\x00*", "an image"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an XZ archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"ARROW1", "an Arrow file"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
)
_ZIP_PARTS = (
    ("xl/workbook.bin", "an XLSB workbook; save it as XLSX"),
    ("word/document.xml", "a Word document"),
    ("ppt/presentation.xml", "a PowerPoint presentation"),
    ("content.xml", "an OpenDocument file that is no spreadsheet; save its table as ODS, XLSX or CSV"),
)
_SPREADSHEET = b"application/vnd.oasis.opendocument.spreadsheet"
_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


def extension_format(name: str) -> Format | None:
    """The format that a file's name promises."""
    return EXTENSIONS.get(PurePath(uncompressed_name(name)).suffix.lower())


def uncompressed_name(name: str) -> str:
    """Return the name of a file without the end that says it is compressed."""
    path = PurePath(name)
    return path.stem if path.suffix.lower() in COMPRESSED else name


def binary_format(path: Path) -> Format | None:
    """`parquet`, `xlsx`, `ods`, or None for what may be text. Raises Fail for all else that is binary."""
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        raise Fail("The file is empty; a table with a header line was expected.")
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"PK\x03\x04"):
        return _zip_format(path)
    if head.startswith(_OLE2):
        raise _ole2_problem(path)
    for signature, what in _SIGNATURES:
        # A program's two letters may also begin a header line; a program's first bytes hold zeros as well.
        if head.startswith(signature) and not (signature == b"MZ" and b"\x00" not in head):
            raise not_a_table(what)
    return None


def text_format(head: str, name: str) -> Format:
    """The format of decoded text, from its beginning. Raises Fail for what is no table."""
    start = head.lstrip()
    if not start:
        raise Fail("The file holds nothing but blank space; a table with a header line was expected.")
    if re.match(r"<(!doctype html|html|head|body|table)\b", start, re.IGNORECASE):
        raise not_a_table("a web page (HTML); open it in a spreadsheet and save it as XLSX or CSV")
    if start.startswith("<?xml"):
        raise not_a_table("an XML document")
    if "\0" in start:
        raise not_a_table("a binary file")
    promised = extension_format(name)
    if promised in ("json", "jsonl") or re.match(r'(\[\s*\{|\{)\s*"', start):
        return _json_format(start, promised)
    return promised if promised in ("csv", "tsv") else "csv"


def mismatch_note(name: str, found: Format) -> list[str]:
    """A sentence for when the content is not what the name says; none when they agree."""
    promised = extension_format(name)
    if promised in (None, found) or {promised, found} <= {"csv", "tsv"}:
        return []
    return [
        f"The name says {PurePath(name).suffix}, but the content is {found.upper()}; it was read as that."
    ]


def _json_format(start: str, promised: Format | None) -> Format:
    """JSON Lines is a whole object on the first line and something after it, or what its name says it is."""
    if not start.startswith("{"):
        return "json"
    first, _, rest = start.partition("\n")
    if promised == "jsonl":
        return "jsonl"
    try:
        json.loads(first)
    except ValueError:
        return "json"
    return "jsonl" if rest.strip() else "json"


def _zip_format(path: Path) -> Format:
    try:
        with zipfile.ZipFile(path) as archive:
            parts = set(archive.namelist())
            mimetype = archive.read("mimetype")[:100] if "mimetype" in parts else b""
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise Fail(
            "The file begins like an XLSX workbook but is damaged or incomplete; "
            "save it again and upload it again."
        ) from error
    if "xl/workbook.xml" in parts:
        return "xlsx"
    if mimetype.startswith(_SPREADSHEET):
        return "ods"
    for part, what in _ZIP_PARTS:
        if part in parts:
            raise not_a_table(what)
    raise not_a_table("a ZIP archive; unpack it and upload the table inside")


def _ole2_problem(path: Path) -> Fail:
    """Excel wraps a workbook with a password in the container of its old .xls format."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        encrypted = content.find(_ENCRYPTED) >= 0
    if encrypted:
        return Fail("The workbook is protected with a password; save it without one and upload it again.")
    return not_a_table("an old Office file (such as .xls); save it as XLSX or CSV")
