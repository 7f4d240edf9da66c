"""The manifest: canonical, hashed, and believed only as far as it goes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from app.core.backup import manifest as manifests
from app.core.backup.manifest import Manifest, is_collection
from app.core.backup.problems import BackupError, BackupProblem

Exporter = Callable[..., Manifest]


def changed(manifest: Manifest, **values: Any) -> bytes:
    """The manifest with other values, and the right hash of itself."""
    return manifests.canonical({**json.loads(manifests.write(manifest)), **values})


def test_it_is_read_as_it_was_written(export: Exporter) -> None:
    manifest = export()

    assert manifests.read(manifests.write(manifest)) == manifest


@pytest.mark.parametrize("step", [11, pytest.param(1, marks=pytest.mark.slow)])
def test_every_flipped_bit_and_every_cut_is_noticed(export: Exporter, step: int) -> None:
    content = manifests.write(export())
    damaged = [content[:length] for length in range(0, len(content), 5 * step)]
    for place in range(0, len(content), step):
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        damaged.append(bytes(flipped))

    for text in damaged:
        with pytest.raises(BackupError) as refused:
            manifests.read(text)
        assert refused.value.problem is BackupProblem.DAMAGED


def test_a_newer_format_is_named_before_anything_else_in_it_is_read(export: Exporter) -> None:
    with pytest.raises(BackupError) as refused:
        manifests.read(changed(export(), format=2, collections="elsewhere"))

    assert refused.value.problem is BackupProblem.NEWER


@pytest.mark.parametrize(
    "values",
    [
        {"database": "../elsewhere"},
        {"database": ""},
        {"id": "x"},
        {"collections": {}},
        {"surplus": 1},
        {"consistency": "perfect"},
    ],
    ids=str,
)
def test_a_manifest_that_we_never_write_is_refused(export: Exporter, values: dict[str, Any]) -> None:
    with pytest.raises(BackupError) as refused:
        manifests.read(changed(export(), **values))

    assert refused.value.problem is BackupProblem.FOREIGN


def test_a_collection_is_named_once(export: Exporter) -> None:
    manifest = export()
    first = json.loads(manifests.write(manifest))["collections"][0]

    with pytest.raises(BackupError) as refused:
        manifests.read(changed(manifest, collections=[first, first]))

    assert refused.value.problem is BackupProblem.FOREIGN


@pytest.mark.parametrize(
    "name",
    ["..", "a..b", ".a", "a.", "a/b", "a\\b", "a$b", "$cmd", "", "a\0b", "a\nb", "system.views", "x" * 84],
)
def test_a_name_that_could_lead_elsewhere_is_no_collection(name: str) -> None:
    assert not is_collection(name)


@pytest.mark.parametrize("name", ["tasks", "files.chunks", "with space", "käse", "50%", "-a"])
def test_other_names_are_names_of_files_once_they_are_escaped(name: str) -> None:
    file = manifests.documents_file(name)

    assert is_collection(name)
    assert file.isascii() and "/" not in file and file.endswith(".bson.gz")
