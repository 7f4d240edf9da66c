"""An export as a stream: other programs can unpack it, and what broke off or was changed is refused."""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Callable
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pytest

from app.core.backup import manifest as manifests
from app.core.backup.export import Export
from app.core.backup.folder import FolderArchive
from app.core.backup.manifest import Manifest
from app.core.backup.problems import BackupError, BackupProblem
from app.core.backup.restore import check
from app.core.backup.source import BackupSource
from app.core.backup.tar import BLOCK, RECORD, TarArchive, TarSink, header
from app.core.services import Services

Exporter = Callable[..., Manifest]


@pytest.fixture
def stream(seeded: Services) -> bytes:
    return exported(seeded)


def exported(services: Services) -> bytes:
    written = BytesIO()
    Export(BackupSource(services.db), TarSink(written, services.db.name), []).run()
    return written.getvalue()


def refusal(stream: bytes) -> BackupProblem:
    """Why a stream is not taken."""
    with pytest.raises(BackupError) as refused:
        read(stream)
    return refused.value.problem


def read(stream: bytes) -> Manifest:
    """Check a stream; returns its manifest."""
    with closing(TarArchive(BytesIO(stream))) as archive:
        check(archive)
        return archive.manifest


def packed(*files: tuple[str, bytes]) -> bytes:
    """A tar of these files as we write it."""
    blocks = b"".join(
        header(name, len(content)) + content + bytes(-len(content) % BLOCK) for name, content in files
    )
    return blocks + bytes(2 * BLOCK) + bytes(-(len(blocks) + 2 * BLOCK) % RECORD)


def repacked(stream: bytes, change: Callable[[tarfile.TarInfo], None] = lambda member: None) -> bytes:
    """What another program makes of it."""
    written = BytesIO()
    with tarfile.open(fileobj=BytesIO(stream)) as old, tarfile.open(fileobj=written, mode="w") as new:
        for member in old:
            content = old.extractfile(member)
            change(member)
            new.addfile(member, content)
    return written.getvalue()


def test_a_stream_is_a_sound_export(stream: bytes) -> None:
    assert read(stream).entry("tasks")


def test_it_unpacks_into_a_folder_that_is_an_export(stream: bytes, tmp_path: Path) -> None:
    subprocess.run(["tar", "-xf", "-", "-C", str(tmp_path)], input=stream, check=True)

    check(FolderArchive(tmp_path))


def test_what_tar_packs_again_is_taken(stream: bytes, tmp_path: Path) -> None:
    subprocess.run(["tar", "-xf", "-", "-C", str(tmp_path)], input=stream, check=True)
    again = subprocess.run(["tar", "-cf", "-", "."], cwd=tmp_path, capture_output=True, check=True).stdout

    assert read(again) == read(repacked(stream)) == read(stream)


def test_every_cut_is_noticed(stream: bytes) -> None:
    lengths = {*range(0, len(stream), 997), *range(0, len(stream), BLOCK), len(stream) - 1}

    assert {refusal(stream[:length]) for length in lengths} == {BackupProblem.DAMAGED}


@pytest.mark.parametrize("step", [53, pytest.param(1, marks=pytest.mark.slow)])
def test_every_flipped_bit_is_noticed(services: Services, step: int) -> None:
    """Of a small export, each; what is between the bits of a file is in the tests of files."""
    services.db.tasks.insert_one({"_id": 1})
    stream = exported(services)
    for place in range(0, len(stream), step):
        flipped = bytearray(stream)
        flipped[place] ^= 1 << place % 8
        assert refusal(bytes(flipped)) in (BackupProblem.DAMAGED, BackupProblem.FOREIGN), place


@pytest.mark.parametrize(
    "name",
    [
        "../tasks.bson.gz",
        "/etc/passwd",
        "tests/../../x",
        "tests/..",
        "a/b/c",
        "x",
        ".",
        "tests/",
        "$x/y",
        "..//x",
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    assert refusal(packed((name, b"content"))) is BackupProblem.FOREIGN


def test_links_devices_and_what_else_a_tar_may_hold_are_refused(stream: bytes) -> None:
    def link(member: tarfile.TarInfo) -> None:
        member.type, member.linkname, member.size = tarfile.SYMTYPE, "/etc/passwd", 0

    assert refusal(repacked(stream, link)) is BackupProblem.FOREIGN


def test_a_file_that_comes_twice_or_that_nobody_names_is_refused(stream: bytes) -> None:
    assert refusal(packed(("tests/a", b"1"), ("tests/a", b"2"))) is BackupProblem.FOREIGN
    surplus = packed(("tests/surplus.bson.gz", b""))[:BLOCK]
    assert refusal(surplus + stream + bytes(RECORD - BLOCK)) is BackupProblem.FOREIGN


def test_a_file_that_is_named_must_be_there(stream: bytes) -> None:
    size = tarfile.TarInfo.frombuf(stream[:BLOCK], "utf-8", "strict").size
    first = BLOCK + -(-size // BLOCK) * BLOCK
    rest = stream[first:] + bytes(-(len(stream) - first) % RECORD)

    assert refusal(rest) is BackupProblem.MISSING


def test_what_is_no_tar_or_no_export_is_refused() -> None:
    assert refusal(b"") is BackupProblem.DAMAGED
    assert refusal(b"not a tar" * 1_000) is BackupProblem.DAMAGED
    assert refusal(packed(("dump/tasks.bson.gz", b""))) is BackupProblem.FOREIGN
    assert refusal(packed((manifests.NAME, b"{}"))) is BackupProblem.DAMAGED


def test_a_reader_that_goes_away_is_a_sentence(seeded: Services) -> None:
    class Gone(BytesIO):
        def write(self, content: object) -> int:
            raise BrokenPipeError

    with pytest.raises(BackupError) as refused:
        Export(BackupSource(seeded.db), TarSink(Gone(), seeded.db.name), []).run()
    assert refused.value.problem is BackupProblem.DISK


def test_files_of_more_than_8_gb_have_a_header_that_tar_understands() -> None:
    member = tarfile.TarInfo.frombuf(header("tests/files.chunks.bson.gz", 2**40), "utf-8", "strict")

    assert (member.name, member.size) == ("tests/files.chunks.bson.gz", 2**40)
