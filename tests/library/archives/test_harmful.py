"""Archives made to do harm, and archives that are broken: each is refused with a sentence, in no time."""

from __future__ import annotations

import gzip
import io
import lzma
import random
import struct
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable

import pytest

from dtq_library.archives import entries, inflate, zips
from dtq_library.archives.tasks import extract_archive
from tests.library.archives.making import raw_zip, tarred, zipped
from tests.library.running import Runner
from workers.attempt.attempt import Failed, Succeeded

Refusal = Callable[..., str]
MB = 2**20


def zeros_gz(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(MB)) for _ in range(megabytes)) + packer.flush()


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that a test reaches quickly; their order is that of the real ones."""
    monkeypatch.setattr(entries, "MAX_TOTAL_MB", 8)
    monkeypatch.setattr(entries, "RATIO_FROM_BYTES", 2 * MB)
    monkeypatch.setattr(entries, "MAX_ENTRIES", 40)
    monkeypatch.setattr(entries, "MAX_FILES", 20)
    monkeypatch.setattr(zips, "MAX_ENTRIES", 40)
    monkeypatch.setattr(zips, "_DIRECTORY_MAX", 4_000)


BOMBS = {
    "a gzip": zeros_gz(7),
    "a tar.gz": gzip.compress(tarred({"a": bytes(6 * MB)})),
    "an xz": lzma.compress(bytes(64 * MB), preset=0),
    "a zip": zipped({"a": bytes(6 * MB)}),
    "a zip of many": zipped({str(number): bytes(MB) for number in range(7)}),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_it_goes_off(refusal: Refusal, alice: Runner, name: str) -> None:
    said = refusal(BOMBS[name])

    assert "200 times its own size" in said
    assert sum(map(len, alice.outputs().values())) <= 3 * MB
    assert max((done for done, _, _ in alice.told), default=0) <= 3 * MB


def test_too_much_is_refused_even_where_it_hardly_shrinks(refusal: Refusal) -> None:
    noise = random.Random(1).randbytes(9 * MB)

    assert "more than 8 MB" in refusal(zipped({"a": noise}, zipfile.ZIP_STORED))
    assert "more than 8 MB" in refusal(tarred({"a": noise}))


def test_a_head_that_lies_about_the_size_does_not_help(refusal: Refusal) -> None:
    """The content is a megabyte; the head says one byte, or four gigabytes."""
    assert "damaged" in refusal(raw_zip([(b"a", {"size": 1})], bytes(MB)))
    assert "more than 8 MB" in refusal(raw_zip([(b"a", {"size": 0xFFFFFFF0})]))


def test_entries_that_share_their_content_count_each(refusal: Refusal) -> None:
    """As in the zip of 42 KB that holds 5 GB: every entry points to the same bytes."""
    name, data = b"a", random.Random(1).randbytes(MB)
    single = raw_zip([(name, {})], data)
    directory = single.index(b"PK\x01\x02")
    record = single[directory : single.rindex(b"PK\x05\x06")]
    end = struct.pack("<HHHHLLH", 0, 0, 12, 12, 12 * len(record), directory, 0)
    content = single[:directory] + record * 12 + b"PK\x05\x06" + end

    assert "more than 8 MB" in refusal(content) or "damaged" in refusal(content)


def test_too_many_entries_are_refused(refusal: Refusal) -> None:
    many = {f"{number}/": b"" for number in range(41)}
    folders = io.BytesIO()
    with zipfile.ZipFile(folders, "w") as archive:
        for name in many:
            archive.writestr(name, b"")
    members = {str(number): tarfile.TarInfo() for number in range(41)}
    for member in members.values():
        member.type = tarfile.DIRTYPE

    assert "more than 40 entries" in refusal(folders.getvalue())
    assert "more than 40 entries" in refusal(tarred(members))
    assert "more than 40 entries" in refusal(tarred(members), only=["nothing"])
    assert "more than 20 files" in refusal(zipped({f"{number}.txt": b"x" for number in range(21)}))


def test_a_long_list_of_entries_is_not_even_read(refusal: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    content = raw_zip([(b"n" * 200 + str(number).encode(), {}) for number in range(30)])
    monkeypatch.setattr(zipfile, "ZipFile", lambda *given: pytest.fail("it was opened"))

    assert "more than 40 entries" in refusal(content)


def test_a_head_that_wants_gigabytes_of_memory_is_refused(refusal: Refusal) -> None:
    big = tarfile.TarInfo("x")
    big.type, big.size = tarfile.XHDTYPE, 3 * 2**30
    longname = tarfile.TarInfo("x")
    longname.type, longname.size = tarfile.GNUTYPE_LONGNAME, 3 * 2**30
    for about in (big, longname):
        content = about.tobuf(tarfile.GNU_FORMAT) + bytes(10_240)
        assert "damaged" in refusal(content, "x.tar")

    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 2**29}]
    packed = lzma.compress(b"x" * 100, format=lzma.FORMAT_XZ, filters=filters)
    assert "more than 128 MB of memory" in refusal(packed, "x.xz")
    assert inflate.XZ_MEMORY == 128 * MB


@pytest.mark.parametrize(
    ("memory", "cut", "fault"),
    [(2**20, 0, inflate.XzFault.MEMORY), (128 * MB, 40, inflate.XzFault.DAMAGED)],
)
def test_errors_of_lzma_are_told_apart(memory: int, cut: int, fault: inflate.XzFault) -> None:
    packed = lzma.compress(b"x" * 100_000)
    with pytest.raises(lzma.LZMAError) as raised:
        lzma.LZMADecompressor(memlimit=memory).decompress(packed[:cut] + b"\0" * bool(cut) + packed[cut:])

    assert inflate.xz_fault(raised.value) is fault


# Passwords and other kinds


@pytest.mark.parametrize("lies", [{"flags": 1}, {"flags": 0x41}, {"method": 99, "flags": 1}, {"method": 99}])
def test_a_password_is_named(refusal: Refusal, lies: dict[str, int]) -> None:
    assert "protected with a password" in refusal(raw_zip([(b"a", lies)]))


@pytest.mark.parametrize("method", [9, 14, 93, 95, 98])
def test_a_zip_compressed_in_another_way_is_named(refusal: Refusal, method: int) -> None:
    assert refusal(raw_zip([(b"a.txt", {"method": method})])).startswith("a.txt is compressed in a way")


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
        (b"Rar!\x1a\x07\x00", "a RAR archive"),
        (b"%PDF-1.7", "no archive"),
        (b"", "no archive"),
        (b"hello", "no archive"),
    ],
)
def test_what_is_no_archive_that_can_be_read_is_named(refusal: Refusal, head: bytes, what: str) -> None:
    assert refusal(head + bytes(2_000 if head else 0), "x.dat").startswith(f"x.dat is {what}; zip, tar, ")


# Broken ones


@pytest.mark.parametrize("kind", ["zip", "tar", "w:gz", "w:bz2", "w:xz"])
def test_an_archive_that_is_cut_is_refused(refusal: Refusal, kind: str) -> None:
    content = {"a.txt": random.Random(2).randbytes(40_000)}
    whole = zipped(content) if kind == "zip" else tarred(content, "w" if kind == "tar" else kind)

    said = refusal(whole[:30_000])
    assert "damaged" in said or "incomplete" in said


@pytest.mark.parametrize("kind", ["zip", "tar", "w:gz", "w:bz2", "w:xz"])
def test_damage_anywhere_is_a_sentence_or_does_not_matter(alice: Runner, kind: str) -> None:
    content = {"a.txt": b"one " * 200, "b/c.txt": bytes(range(256))}
    whole = zipped(content) if kind == "zip" else tarred(content, "w" if kind == "tar" else kind)
    rng = random.Random(5)
    began = time.monotonic()
    for _ in range(60):
        broken = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        outcome = alice.outcome(extract_archive, archive=alice.file(bytes(broken), "x"))
        assert isinstance(outcome, Succeeded) or (
            isinstance(outcome, Failed) and outcome.error["kind"] == "failed"
        )
    assert time.monotonic() - began < 10
