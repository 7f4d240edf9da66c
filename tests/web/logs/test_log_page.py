"""The page of a log: lines with numbers and times, colors, a search, pages, and what comes while it runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timezone
from html import unescape

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from app.core.services import Services
from app.core.tasks.task import Task
from app.web.logs import log_page
from app.web.logs.colors import Colors
from tests.web.looking import claim, text_of

AT = datetime(2026, 11, 28, 7, 0, 5, tzinfo=timezone.utc)
PRINTED = b"one\n\x1b[31mtwo <b>\n three\x1b[0m four\n10%\r100% done\n"


@pytest.fixture
def running(services: Services, new_task: Callable[..., Task]) -> Task:
    task = claim(services, new_task())
    services.logs.write_part(task.id, 1, 0, PRINTED, AT)
    return task


def lines(html: str) -> list[str]:
    return [text_of(item) for item in re.findall(r"<li id=.*?</li>", html, re.DOTALL)]


def test_lines_have_numbers_times_and_colors(client: FlaskClient, running: Task) -> None:
    html = client.get(f"/tasks/{running.id}/log/lines").text
    assert [" ".join(line.split()) for line in lines(html)] == [
        "1 07:00:05 one", "2 07:00:05 two <b>", "3 07:00:05 three four", "4 07:00:05 100% done",
    ]  # fmt: skip
    assert '<span class="log-text-1">two &lt;b&gt;</span>' in html
    assert '<span class="log-text-1"> three</span> four' in html, "a color goes on over the end of a line"
    assert 'id="b4"' in html and 'href="#b4"' in html and f'datetime="{AT.isoformat()}"' in html


def test_what_comes_is_added(client: FlaskClient, running: Task, services: Services) -> None:
    html = client.get(f"/tasks/{running.id}/log/lines").text
    (more,) = re.findall(r'hx-get="([^"]+)"', html.partition("log-more")[2])
    more = more.replace("&amp;", "&")
    assert client.get(more).status_code == 204
    services.logs.write_part(running.id, 1, 0, PRINTED + b"five\nsi", AT)
    added = client.get(more)
    assert [line.split()[::2] for line in lines(added.text)] == [["5", "five"]] and "log-more" in added.text
    services.tasks.succeed(running, None)
    rest = client.get(re.findall(r'hx-get="([^"]+)"', added.text)[0].replace("&amp;", "&"))
    assert [line.split()[::2] for line in lines(rest.text)] == [["6", "si"]] and "log-more" not in rest.text


def test_a_search_finds_what_is_shown(client: FlaskClient, running: Task) -> None:
    html = client.get(f"/tasks/{running.id}/log/lines?q=THREE+four").text
    assert "1 line of 4 with “THREE four”" in text_of(html) and "<mark>three four</mark>" in html
    assert f'href="/tasks/{running.id}/log/lines?attempt=1&amp;page=1#b17"' in html
    assert "No line contains “<i>”." in text_of(client.get(f"/tasks/{running.id}/log/lines?q=<i>").text)


def test_pages_of_lines(
    client: FlaskClient, services: Services, new_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_page, "PER_PAGE", 4)
    task = claim(services, new_task())
    services.logs.write_part(task.id, 1, 0, b"".join(b"line %d\n" % number for number in range(1, 11)))
    address = f"/tasks/{task.id}/log/lines"
    shown = {page: lines(client.get(f"{address}?page={page}").text) for page in ("1", "2", "last")}
    assert [line.split()[-1] for found in shown.values() for line in found] == list(map(str, range(1, 11)))
    assert (
        "log-more" not in client.get(address).text and "log-more" in client.get(f"{address}?page=last").text
    )
    at_once = client.get(f"{address}/more?place=0&number=1").text
    assert len(lines(at_once)) == 4 and "place=28&amp;number=5" in at_once
    for wrong in (
        "?page=4",
        "?page=0",
        "?page=x",
        "?attempt=2",
        "/more?place=x&number=1",
        "/more?number=1",
        "?z=1",
    ):
        assert client.get(address + wrong).status_code == 400, wrong


def test_what_is_found_behind_a_gap_is_on_its_page(
    client: FlaskClient, services: Services, new_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_page, "PER_PAGE", 4)
    task = claim(services, new_task())
    services.logs.write_part(task.id, 1, 0, b"one\n" * 6)
    services.logs.write_part(task.id, 1, 9, b"ed\nneedle\n" + b"more\n" * 6)
    address = f"/tasks/{task.id}/log/lines"
    (link,) = re.findall(
        r'class="log-number" href="([^"]+)#(b[0-9]+)"', client.get(f"{address}?q=needle").text
    )
    page = client.get(link[0].replace("&amp;", "&")).text
    assert f'id="{link[1]}"' in page and "needle" in page and "page=3" in link[0]
    assert [text for text in lines(client.get(f"{address}?page=2").text) if "KB left out" in text]


def test_a_task_without_attempts_has_no_lines(client: FlaskClient, new_task: Callable[..., Task]) -> None:
    assert client.get(f"/tasks/{new_task().id}/log/lines").status_code == 404


@pytest.mark.parametrize(
    ("codes", "classes"),
    [
        ("1;31", "log-bold log-text-1"),
        ("91", "log-text-9"),
        ("44", "log-ground-4"),
        ("103", "log-ground-11"),
        ("38;5;196", "log-text-9"),
        ("38;5;12", "log-text-12"),
        ("38;2;10;10;10", "log-text-0"),
        ("48;2;0;128;0", "log-ground-2"),
        ("38:2:0:0:255", "log-text-12"),
        ("38:2::0:0:255", "log-text-12"),
        ("3;4;9;7", "log-inverse log-italic log-struck log-underline"),
        ("1;22", ""),
        ("31;39", ""),
        ("31;0", ""),
        ("38;5", ""),
        ("38;2;1", ""),
        ("999999999999", ""),
    ],
)
def test_sequences_of_colors(codes: str, classes: str) -> None:
    html = Colors().html(f"\x1b[{codes}mx\x1b[0m.")
    assert html == (f'<span class="{classes}">x</span>.' if classes else "x.")


def test_a_sequence_without_end_is_no_color() -> None:
    assert Colors().html("\x1b[" + "1;" * 50_000 + "31mx") == "x"
    many = Colors().html("\x1b[31mx\x1b[0my" * 20_000)
    assert many.count("</span>y") == 20_000


@given(
    st.lists(
        st.text(alphabet=st.sampled_from("\x1b[]?;:0123456789mAHK\r\b<>&'\"aé🎉"), max_size=60), max_size=5
    )
)
def test_colors_never_become_anything_else(printed: list[str]) -> None:
    colors = Colors()
    for line in printed:
        html = colors.html(line)
        assert isinstance(html, Markup)
        plain = re.sub(r'<span class="[a-z0-9 -]+">|</span>', "", html)
        assert plain == str(escape(unescape(plain))) and "<" not in plain
