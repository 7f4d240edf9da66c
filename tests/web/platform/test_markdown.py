"""Help is Markdown: what people need of it is shown, and nothing in it does anything."""

from __future__ import annotations

import re

import pytest

from app.web.platform.markdown import markdown, markdown_line
from tests.web.create.creating import publish

HARMLESS = re.compile(
    r"</?(p|ul|ol|li|em|strong|code|pre|h3|blockquote|hr /|br /|a href=\"https?:[^\"<>]*\"|a)>"
)


def test_lists_code_emphasis_and_links():
    html = markdown("One\n\n- a `rows_in`\n- *b*, see <https://a.example> and [c](mailto:c@a.example)")
    assert "<p>One</p>" in html
    assert "<li>a <code>rows_in</code></li>" in html
    assert '<em>b</em>, see <a href="https://a.example">' in html
    assert '<a href="mailto:c@a.example">c</a>' in html


def test_headings_stand_below_that_of_the_section():
    assert markdown("# Big\n\nFigures\n-------") == "<h3>Big</h3>\n<h3>Figures</h3>\n"


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "a <img src=x onerror=alert(1)> b",
        "<div\nonclick=alert(1)>\n\n- <b>x</b>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt&#58;alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:x)",
        "[x](//evil.example)",
        "<javascript:alert(1)>",
        "![x](https://evil.example/seen.png)",
        "[x]\n\n[x]: javascript:alert(1)",
        '[x](https://a.example/"onmouseover="alert(1))',
        "a <!-- b --> <?php c ?> <![CDATA[ d ]]>",
        "`<script>`\n\n    <script>",
    ],
)
@pytest.mark.parametrize("render", [markdown, markdown_line])
def test_nothing_in_it_does_anything(render, text):
    assert re.findall(r"<[^>]*>?", HARMLESS.sub("", render(text))) == []


def test_the_help_of_a_type_and_of_its_fields(client, services):
    field = {"type": "string", "title": "X", "description": "Such as `a` <b>b</b>.", "default": ""}
    schema = {"type": "object", "properties": {"x": field}}
    publish(services, help="- `rows_in`: rows <script>alert(1)</script>", schema=schema)
    page = client.get("/tasks/new/clean_table").text
    assert "<li><code>rows_in</code>: rows &lt;script&gt;" in page
    assert 'id="p-x-help">Such as <code>a</code> &lt;b&gt;b&lt;/b&gt;.</p>' in page
