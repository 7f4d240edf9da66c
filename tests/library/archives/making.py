"""Archives of every kind, made by the standard library, and some made by hand to do harm."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping


def zipped(contents: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name, (2024, 12, 25, 10, 20, 30)), content, method)
    return target.getvalue()


def tarred(contents: Mapping[str, bytes | tarfile.TarInfo], mode: str = "w", **given: int) -> bytes:
    """A tar of files; a TarInfo instead of a content is an entry of another kind."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode, **given) as archive:
        for name, content in contents.items():
            about = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            data = b"" if isinstance(content, tarfile.TarInfo) else content
            about.name, about.size, about.mtime = name, len(data), 1_735_122_030
            archive.addfile(about, io.BytesIO(data))
    return target.getvalue()


def special(kind: bytes, target: str = "") -> tarfile.TarInfo:
    """An entry that is no file."""
    made = tarfile.TarInfo()
    made.type, made.linkname = kind, target
    return made


def raw_zip(entries: list[tuple[bytes, dict[str, int]]], content: bytes = b"x") -> bytes:
    """A zip written by hand: any name, and any number that a head can lie about."""
    body, directory = b"", b""
    for name, lies in entries:
        about = {
            "flags": 0, "method": 0, "crc": zlib.crc32(content), "packed": len(content), "size": len(content),
            "attributes": 0, **lies,
        }  # fmt: skip
        numbers = [about[each] for each in ("crc", "packed", "size")]
        common = struct.pack("<HHHHLLLHH", about["flags"], about["method"], 0, 33, *numbers, len(name), 0)
        offset = len(body)
        body += b"PK\x03\x04" + struct.pack("<H", 20) + common + name + content
        directory += b"PK\x01\x02" + struct.pack("<HH", 0x0314, 20) + common
        directory += struct.pack("<HHHLL", 0, 0, 0, about["attributes"], offset) + name
    end = struct.pack("<HHHHLLH", 0, 0, len(entries), len(entries), len(directory), len(body), 0)
    return body + directory + b"PK\x05\x06" + end
