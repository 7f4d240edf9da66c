"""Bootstrap's sheet is cut: a page is drawn as with the whole of it, in both themes."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.services import Services
from tests.browser import seeded
from tests.browser.conftest import unbroken

pytestmark = pytest.mark.browser

WHOLE = "/bootstrap/static/css/bootstrap.min.css"
DIFFERENT = """async whole => {
  const all = () => [...document.querySelectorAll("*")].flatMap(element =>
    [null, "::before", "::after"].map(part => {
      const style = getComputedStyle(element, part), name = element.tagName + "." + element.className;
      return [...style].filter(each => !each.startsWith("--")).map(
        each => `${name}${part ?? ""} ${each}: ${style.getPropertyValue(each)}`);
    }));
  const cut = all();
  const link = document.querySelector('link[href*="vendor/bootstrap"]');
  await new Promise(done => { link.onload = done; link.href = whole; });
  await new Promise(done => requestAnimationFrame(done));
  return all().flatMap((values, at) => values.filter((value, nth) => cut[at][nth] !== value)).slice(0, 5);
}"""
PAGES = {"light": ("/", "/tasks/new/http_request", "/workers"), "dark": ("/",)}


@pytest.mark.parametrize("theme", PAGES)
def test_a_page_is_drawn_as_with_the_whole(
    chromium: Any, address: str, services: Services, theme: Any
) -> None:
    seeded.seed(services)
    context = chromium.new_context(base_url=address, color_scheme=theme, reduced_motion="reduce")
    with unbroken(context) as page:
        for script in ("htmx.min", "app"):  # nothing moves meanwhile
            page.route(f"**/{script}.js", lambda route: route.abort())
        for each in PAGES[theme]:
            page.goto(each)
            assert page.evaluate(DIFFERENT, WHOLE) == [], each
