"""Charts, images and files as results: drawn from numbers, shown by their first bytes."""

from __future__ import annotations

import json
import re

import pytest

from app.core.files.store import CHUNK
from tests.browser.results import CHARTS, done, png
from tests.web.looking import text_of


class TestChart:
    def test_each_kind_with_its_numbers(self, shown):
        html = shown(CHARTS, "chart")
        data = [
            json.loads(each) for each in re.findall(r'<script type="application/json">(.*?)</script>', html)
        ]
        assert [each["kind"] for each in data] == [each["kind"] for each in CHARTS]
        assert data[3]["x"][0] == 1704067200 and data[3]["time"]
        assert data[4]["x"] == sorted(CHARTS[4]["x"])
        assert "10 to 20 9" in text_of(html)
        assert "vendor/uplot.min.js" in html

    @pytest.mark.parametrize(
        "wrong",
        [
            {"kind": "pie"},
            {"kind": "histogram", "edges": [0, 1], "counts": [1, 2]},
            {"kind": "histogram", "edges": [2, 1, 3], "counts": [1, 2]},
            {"kind": "histogram", "edges": ["a", "b"], "counts": [1]},
            {"kind": "bars", "labels": ["a"], "values": ["b"]},
            {"kind": "bars", "labels": [[1]], "values": [1]},
            {"kind": "line", "x": [1], "y": {}},
            {"kind": "line", "x": [1], "y": {str(n): [1] for n in range(7)}},
            {"kind": "scatter", "x": ["a", "b"], "y": [1, 2]},
            {"kind": "scatter", "x": [1e305], "y": [True]},
            {"kind": ["line"], "x": [1], "y": [1]},
            {"kind": "line", "x": [1], "y": [1], "title": {"a": 1}},
            {"kind": "line", "x": [], "y": []},
            [],
            [CHARTS[0], 1],
        ],
    )
    def test_what_is_no_chart_is_shown_as_it_came(self, shown, wrong):
        html = shown(wrong, "chart")
        assert "it is shown as it came" in html
        assert "<figure" not in html

    def test_odd_charts(self, shown):
        assert "1 bar; the largest is 5 with 3." in shown(
            {"kind": "histogram", "edges": [5.0, 5.0], "counts": [3]}, "chart"
        )
        assert "40 more not shown" in text_of(
            shown({"kind": "bars", "labels": [*range(100)], "values": [*range(100)]}, "chart")
        )
        assert "<figure" in shown({"kind": "line", "x": ["a", "b"], "y": {"x": [1, 2**62]}}, "chart")


class TestImage:
    def test_it_is_shown_from_a_sandbox(self, alice, client, services):
        task = done(services, {"file": "FILE", "alt": 'A "slope"'}, "image", ("a.png", png()))
        html = alice.open(f"/tasks/{task.id}")
        address = re.search(r'<img src="([^"]+)" alt="A &#34;slope&#34;"', html)
        assert address
        answer = client.get(address[1])
        assert (answer.data, answer.content_type) == (png(), "image/png")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert (
            answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"
        )

    @pytest.mark.parametrize(
        ("head", "kind"),
        [
            (b"\xff\xd8\xff\xe0", "image/jpeg"),
            (b"GIF89a", "image/gif"),
            (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
            (b"<!doctype html><script>", None),
            (b"RIFF\0\0\0\0WAVE", None),
            (b"", None),
        ],
    )
    def test_its_first_bytes_decide(self, alice, client, services, head, kind):
        task = done(services, "FILE", "image", ("claims-to-be.png", head))
        file_id = task.result["file_id"]
        answer = client.get(f"/tasks/{task.id}/files/{file_id}/image")
        assert answer.status_code == (200 if kind else 404)
        assert not kind or answer.content_type == kind
        assert ("<img" in alice.open(f"/tasks/{task.id}")) == bool(kind)
        if not kind:
            assert "it is shown as it came" in alice.open(f"/tasks/{task.id}")

    def test_of_another_task_it_is_not_there(self, alice, client, services):
        other = done(services, "FILE", "image", ("a.png", png()))
        task = done(services, other.result, "image")
        assert client.get(f"/tasks/{task.id}/files/{other.result['file_id']}/image").status_code == 404
        assert "<img" not in alice.open(f"/tasks/{task.id}")

    def test_one_that_is_too_large(self, client, services, monkeypatch):
        monkeypatch.setattr("app.web.tasks.downloads.MOST_IMAGE_BYTES", CHUNK)
        task = done(services, "FILE", "image", ("a.png", png() + b"\0" * CHUNK))
        assert client.get(f"/tasks/{task.id}/files/{task.result['file_id']}/image").status_code == 404


def test_a_file_stands_for_itself(alice, services):
    task = done(services, {"rows": 3, "out": "FILE"}, {"out": "file"}, ("a.bin", b"x" * 2048))
    html = alice.open(f"/tasks/{task.id}")
    assert (
        f"2.0 KB image/png Download a.bin Use as input : a.bin SHA-256 {task.result['out']['sha256']}"
        in text_of(html)
    )
    assert html.count(f"/files/{task.result['out']['file_id']}") == 1
