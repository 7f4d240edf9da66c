"""Names in zip files that say nothing of their encoding."""

from __future__ import annotations

import pytest

from dtq_library.archives.tasks import extract_archive
from tests.library.archives.making import raw_zip
from tests.library.languages import WORDS
from tests.library.running import Runner


@pytest.mark.parametrize(
    ("language", "encoding"),
    [
        ("japanese", "cp932"),
        ("chinese", "gb18030"),
        ("korean", "euc-kr"),
        ("russian", "cp866"),
        ("german", "cp850"),
        ("french", "cp1252"),
        ("german", "utf-8"),
    ],
)
def test_names_are_read_by_the_letters_of_their_language(alice: Runner, language: str, encoding: str) -> None:
    names = [f"{word}.txt" for word in WORDS[language].split()]
    packed = raw_zip([(name.encode(encoding), {}) for name in names])
    found = alice.result(extract_archive, archive=alice.file(packed, "a.zip"))

    key = next(
        key for key, value in found.items() if isinstance(value, list) and value and "path" in value[0]
    )
    assert [row["path"] for row in found[key]] == names
