"""*Extract an archive*: every kind that is taken, and what of it is kept."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dtq_library.archives.tasks import extract_archive
from tests.library.archives.making import raw_zip, special, tarred, zipped
from tests.library.running import Runner
from workers.attempt.attempt import WasCanceled

Extract = Callable[..., dict[str, Any]]
Refusal = Callable[..., str]

CONTENTS = {
    "readme.txt": b"Hello\n",
    "data/numbers.csv": b"a,b\n1,2\n" * 5_000,
    "data/empty": b"",
    "Größe €.bin": bytes(range(256)) * 300,
}
NAMES = {"readme.txt", "numbers.csv", "empty", "Größe €.bin"}
KINDS = {
    "a.zip": ("zip", zipped(CONTENTS)),
    "stored.zip": ("zip", zipped(CONTENTS, zipfile.ZIP_STORED)),
    "bzip2.zip": ("zip", zipped(CONTENTS, zipfile.ZIP_BZIP2)),
    "a.tar": ("tar", tarred(CONTENTS)),
    "gnu.tar": ("tar", tarred(CONTENTS, format=tarfile.GNU_FORMAT)),
    "a.tar.gz": ("tar, gzip", tarred(CONTENTS, "w:gz")),
    "a.tar.bz2": ("tar, bzip2", tarred(CONTENTS, "w:bz2")),
    "a.tar.xz": ("tar, xz", tarred(CONTENTS, "w:xz")),
    "wrong-name.zip": ("tar, gzip", tarred(CONTENTS, "w:gz")),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_comes_out_byte_for_byte(extract: Extract, name: str) -> None:
    kind, content = KINDS[name]
    result = extract(content, name)

    assert result["kind"] == kind
    assert result["contents"] == {Path(path).name: data for path, data in CONTENTS.items()}
    assert (result["files"], result["left_out"]) == (4, 0)
    assert result["size"] == sum(map(len, CONTENTS.values()))
    assert {row["path"] for row in result["entries"]} == set(CONTENTS)
    assert all(row["modified"].startswith("2024-12-25 10:20:30") for row in result["entries"])


@pytest.mark.parametrize("flag", ["-z", "-j", "-J", "--format=v7", "--format=ustar", "--format=posix"])
def test_archives_of_the_systems_own_tar_come_out(extract: Extract, tmp_path: Path, flag: str) -> None:
    folder = tmp_path / "made"
    (folder / "deep" / ("long" * 15)).mkdir(parents=True)
    (folder / "deep" / ("long" * 15) / "a.txt").write_text("one")
    (folder / "b.txt").write_text("two")
    (folder / "link").symlink_to("/etc/passwd")
    made = subprocess.run(["tar", "-c", flag, "-C", str(folder), "."], capture_output=True, check=True).stdout
    result = extract(made, "x.tar")

    assert result["contents"] == {"a.txt": b"one", "b.txt": b"two"}
    assert result["left_out"] == 1
    assert sum(row["kind"] == "folder" for row in result["entries"]) == 3


@pytest.mark.parametrize(
    ("name", "packed", "saved"),
    [
        ("numbers.csv.gz", gzip.compress(b"a,b\n", mtime=0), "numbers.csv"),
        ("numbers.csv.bz2", bz2.compress(b"a,b\n"), "numbers.csv"),
        ("numbers.csv.xz", lzma.compress(b"a,b\n"), "numbers.csv"),
        ("numbers", gzip.compress(b"a,b\n", mtime=0), "numbers.unpacked"),
        ("two.gz", gzip.compress(b"a,", mtime=0) + gzip.compress(b"b\n", mtime=0) + b"\0" * 9, "two"),
    ],
)
def test_a_single_compressed_file_comes_out(extract: Extract, name: str, packed: bytes, saved: str) -> None:
    assert extract(packed, name)["contents"] == {saved: b"a,b\n"}


def test_large_pieces_come_out_whole(extract: Extract) -> None:
    content = b"".join(bytes([number % 251]) * 1_000 for number in range(3_000))
    for packed in (gzip.compress(content), bz2.compress(content), lzma.compress(content)):
        assert extract(packed, "x.gz")["contents"].popitem()[1] == content


def test_the_same_name_is_saved_twice_under_two(extract: Extract) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for path, data in [
                ("a/x.txt", "1"),
                ("b/X.txt", "2"),
                ("a/x.txt", "3"),
                ("c/.y", "4"),
                ("d/.y", "5"),
            ]:
                archive.writestr(path, data)
    result = extract(content.getvalue(), "x.zip")

    assert result["contents"] == {
        "x.txt": b"1",
        "X (2).txt": b"2",
        "x (3).txt": b"3",
        "y": b"4",
        "y (2)": b"5",
    }
    assert [row["saved_as"] for row in result["entries"]] == list(result["contents"])
    assert [row["note"] for row in result["entries"]] == [
        None,
        None,
        "An earlier entry has the same path.",
        None,
        None,
    ]


def test_only_what_is_wanted_comes_out(extract: Extract) -> None:
    result = extract(zipped(CONTENTS), "x.zip", only=["data/*.csv", "*.txt"])

    assert set(result["contents"]) == {"numbers.csv", "readme.txt"}
    assert len(result["entries"]) == 2


def test_an_archive_of_nothing_is_empty(extract: Extract) -> None:
    assert extract(zipped({}), "x.zip")["entries"] == []


# What is left out


OUTSIDE = [
    "../x",
    "a/../../x",
    "/etc/x",
    "\\x",
    "..\\x",
    "C:\\x",
    "c:x",
    "a\\..\\..\\x",
    "x\x00/../y",
    "..",
    "//x",
]


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_path_that_leads_out_is_left_out(extract: Extract, tmp_path: Path, path: str) -> None:
    before = {each for each in tmp_path.parent.iterdir()}
    archives = [raw_zip([(path.encode(), {}), (b"fine.txt", {})])]
    if "\x00" not in path:
        archives.append(tarred({path: b"x", "fine.txt": b"x"}))
    for content in archives:
        result = extract(content, "x.zip")
        assert (result["files"], result["left_out"]) == (1, 1)
        assert "leads out of the archive" in result["entries"][0]["note"]
        assert result["contents"] == {"fine.txt": b"x"}

    assert {each for each in tmp_path.parent.iterdir()} == before


@pytest.mark.parametrize(
    "entry",
    [
        special(tarfile.SYMTYPE, "/etc/passwd"),
        special(tarfile.LNKTYPE, "fine.txt"),
        special(tarfile.CHRTYPE),
        special(tarfile.BLKTYPE),
        special(tarfile.FIFOTYPE),
    ],
    ids=lambda entry: entry.type.decode(),
)
def test_what_is_no_file_is_left_out(extract: Extract, entry: tarfile.TarInfo) -> None:
    result = extract(tarred({"bad": entry, "fine.txt": b"x"}), "x.tar")

    assert result["contents"] == {"fine.txt": b"x"}
    assert result["entries"][0]["note"].startswith("Left out: it is ")


@pytest.mark.parametrize(("mode", "kind"), [(0o120777, "link"), (0o020666, "other"), (0o010666, "other")])
def test_links_and_devices_of_a_zip_are_left_out(extract: Extract, mode: int, kind: str) -> None:
    content = raw_zip([(b"bad", {"attributes": mode << 16}), (b"fine.txt", {})], b"/etc/passwd")
    result = extract(content, "x.zip")

    assert result["contents"] == {"fine.txt": b"/etc/passwd"}
    assert result["entries"][0]["kind"] == kind


# Progress and cancellation


def test_progress_is_in_bytes(extract: Extract, alice: Runner) -> None:
    extract(zipped(CONTENTS), "x.zip")

    assert alice.told[-1] == (sum(map(len, CONTENTS.values())), None, "Saving")


def test_a_cancellation_is_seen(alice: Runner) -> None:
    alice.canceled = lambda: True
    archive = alice.file(zipped(CONTENTS), "x.zip")

    assert isinstance(alice.outcome(extract_archive, archive=archive), WasCanceled)
    assert alice.outputs() == {}


def test_more_than_a_thousand_files_come_out(extract: Extract) -> None:
    result = extract(zipped({f"{number}.txt": b"x" for number in range(1_200)}), "many.zip")

    assert (result["files"], result["left_out"], len(result["contents"])) == (1_200, 0, 1_200)
