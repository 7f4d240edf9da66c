"""*Compress files*, opened again by the standard library and by the system's own tar."""

from __future__ import annotations

import io
import random
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from app.core.clock import utcnow
from dtq_library.archives.pack import Format, Item, archive_name, pack
from dtq_library.archives.tasks import compress_files
from tests.library.running import Runner

CONTENT = b"Some text that shrinks. " * 20_000


def test_a_zip_holds_the_file(alice: Runner) -> None:
    result = alice.result(compress_files, source=[alice.file(CONTENT, "Größe €.txt")])

    assert (result["file"]["name"], result["file"]["content_type"]) == ("Größe €.zip", "application/zip")
    packed = alice.content(result["file"])
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        (about,) = archive.infolist()
        assert (about.filename, archive.read(about)) == ("Größe €.txt", CONTENT)
        assert (about.external_attr >> 16, about.date_time[0]) == (0o100644, utcnow().year)
    assert (result["size_in"], result["size_out"]) == (len(CONTENT), len(packed))
    assert result["percent"] == round(100 * len(packed) / len(CONTENT), 1) < 5
    assert result["entries"] == ["Größe €.txt"]
    assert alice.told[-1] == (len(CONTENT), len(CONTENT), "Compressing")


def test_a_tar_gz_is_opened_by_tar(alice: Runner, tmp_path: Path) -> None:
    result = alice.result(compress_files, source=[alice.file(CONTENT, "data.csv")], format="tar.gz")
    path = tmp_path / "made.tar.gz"
    path.write_bytes(alice.content(result["file"]))
    listed = subprocess.run(["tar", "-tvzf", str(path)], capture_output=True, check=True, text=True).stdout
    shown = subprocess.run(["tar", "-xOzf", str(path), "data.csv"], capture_output=True, check=True).stdout

    assert (result["file"]["name"], result["file"]["content_type"]) == ("data.csv.tar.gz", "application/gzip")
    assert shown == CONTENT
    assert listed.startswith("-rw-r--r-- 0/0")
    assert alice.told[-1][:2] == (len(CONTENT), len(CONTENT))


@pytest.mark.parametrize("format", ["zip", "tar.gz"])
def test_a_higher_level_is_smaller(alice: Runner, format: str) -> None:
    rng = random.Random(4)
    source = alice.file(" ".join(str(rng.randrange(3_000)) for _ in range(40_000)), "n.txt")
    sizes = [
        alice.result(compress_files, source=[source], format=format, level=level)["size_out"]
        for level in (1, 6, 9)
    ]

    assert sizes[0] > sizes[1] >= sizes[2]


def test_an_empty_file_has_no_percentage(alice: Runner) -> None:
    result = alice.result(compress_files, source=[alice.file(b"", "empty.txt")])

    assert (result["size_in"], result["percent"]) == (0, None)


def test_several_files_are_one_archive_in_the_order_of_the_form(alice: Runner) -> None:
    sources = [alice.file(b"one", "b.txt"), alice.file(b"two", "a.txt"), alice.file(b"three", "b.txt")]
    result = alice.result(compress_files, source=sources)

    assert (result["file"]["name"], result["size_in"]) == ("files.zip", 11)
    with zipfile.ZipFile(io.BytesIO(alice.content(result["file"]))) as archive:
        assert [(name, archive.read(name)) for name in archive.namelist()] == [
            ("b.txt", b"one"), ("a.txt", b"two"), ("b (2).txt", b"three")
        ]  # fmt: skip


@pytest.mark.parametrize("format", ["zip", "tar.gz"])
def test_several_files_with_one_name_are_all_there(tmp_path: Path, format: Format) -> None:
    items = []
    for number in range(3):
        path = tmp_path / str(number)
        path.write_bytes(bytes([number]) * 10)
        items.append(Item("../same.txt", path, 10))
    target = tmp_path / "archive"

    assert pack(items, format, 6, target, lambda size: None) == ["same.txt", "same (2).txt", "same (3).txt"]
    if format == "zip":
        with zipfile.ZipFile(target) as opened:
            contents = [opened.read(name) for name in opened.namelist()]
    else:
        with tarfile.open(target) as tar:
            contents = [found.read() for member in tar if (found := tar.extractfile(member))]
    assert contents == [b"\0" * 10, b"\1" * 10, b"\2" * 10]


@pytest.mark.parametrize(
    ("wanted", "format", "name"),
    [
        ("", "zip", "data.zip"),
        ("", "tar.gz", "data.csv.tar.gz"),
        ("March", "zip", "March.zip"),
        ("March.ZIP", "zip", "March.ZIP"),
        ("../../etc/x", "tar.gz", "x.tar.gz"),
        ("a\r\nb", "zip", "ab.zip"),
    ],
)
def test_the_name_of_the_archive(wanted: str, format: Format, name: str) -> None:
    assert archive_name([Item("data.csv", Path("data.csv"), 1)], wanted, format) == name
