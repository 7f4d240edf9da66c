"""Bootstrap's style sheet, cut to what our pages use: `python -m tests.web.delivery.bootstrap_cut` writes it.

Of the sheet that Bootstrap-Flask brings, a rule stays if the names of its selector can occur in a page: the
words of our templates, scripts and views, and what a template joins of a beginning and such a word
(`btn-{{ style }}`). Properties such as `--bs-teal` stay where something that stays refers to them. It errs on
the side of more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import flask_bootstrap

ROOT = Path(__file__).parents[3]
WHOLE = Path(flask_bootstrap.__file__).parent / "static/bootstrap5/css/bootstrap.min.css"
CUT = ROOT / "static/vendor/bootstrap.min.css"
NOTICE = (
    "/*! Bootstrap v{} (https://getbootstrap.com/), MIT license, cut by tests.web.delivery.bootstrap_cut */\n"
)
WORD = re.compile(r"[A-Za-z][\w-]*")
NAMES = re.compile(r"\.((?:[\w-]|\\.)+)")
PROPERTY = re.compile(r"(--bs-[\w-]+):[^;{}]*;?")
REFERENCE = re.compile(r"var\((--bs-[\w-]+)")


def sources() -> Iterator[str]:
    """Yield the text of everything that can put a class into a page."""
    for folder, kind in (("templates", "html"), ("static", "js"), ("app/web", "py")):
        for path in sorted((ROOT / folder).rglob(f"*.{kind}")):
            if "vendor" not in path.parts:
                yield path.read_text(encoding="utf-8")


def used_names() -> tuple[frozenset[str], frozenset[str]]:
    """Return the words of our pages, and the beginnings to which templates join one."""
    text = "\n".join(sources())
    return frozenset(WORD.findall(text)), frozenset(re.findall(r"([a-z][\w-]*-)\{\{", text))


def may_occur(name: str, words: frozenset[str], beginnings: frozenset[str]) -> bool:
    joined = any(name.startswith(begin) and name.removeprefix(begin) in words for begin in beginnings)
    return name in words or joined


def rules(css: str) -> Iterator[tuple[str, str]]:
    """Yield selector and body of each rule; the body of `@media` is the rules in it."""
    at = 0
    while (opened := css.find("{", at)) != -1:
        depth, end = 1, opened + 1
        while depth:
            depth += {"{": 1, "}": -1}.get(css[end], 0)
            end += 1
        yield css[at:opened], css[opened + 1 : end - 1]
        at = end


def cut(css: str, words: frozenset[str], beginnings: frozenset[str]) -> str:
    kept = []
    for selector, body in rules(css):
        if selector.startswith(("@media", "@supports")):
            body = cut(body, words, beginnings)
        elif selector.startswith("@keyframes"):
            body = body if selector.split()[1] in words else ""
        else:
            selector = ",".join(
                one
                for one in split(selector)
                if all(may_occur(name, words, beginnings) for name in NAMES.findall(one))
            )
        if selector and body:
            kept.append(f"{selector}{{{body}}}")
    return "".join(kept)


def split(selectors: str) -> list[str]:
    """Return the selectors of a list; a comma in parentheses belongs to one."""
    return re.split(r",(?![^(]*\))", selectors)


def without_unused(css: str, ours: str) -> str:
    """Return a sheet without the properties to which neither it nor ``ours`` refers, over and over."""
    while True:
        used = set(REFERENCE.findall(css)) | set(REFERENCE.findall(ours))
        unused = {name for name in PROPERTY.findall(css) if name not in used}
        less = PROPERTY.sub(lambda found, unused=unused: "" if found[1] in unused else found[0], css)
        less = re.sub(r"[^{}]+\{\}", "", less)
        if less == css:
            return css
        css = less


def made() -> str:
    """Return the sheet as it should be."""
    whole = WHOLE.read_text(encoding="utf-8")
    version = re.search(r"Bootstrap\s+v([\d.]+)", whole)
    assert version
    css = re.sub(r'/\*.*?\*/|@charset "UTF-8";', "", whole, flags=re.DOTALL)
    css = re.sub(r"\s*sourceMappingURL\S*", "", css).strip()
    ours = (path.read_text(encoding="utf-8") for path in (ROOT / "static").rglob("*.css") if path != CUT)
    return NOTICE.format(version[1]) + without_unused(cut(css, *used_names()), "".join(chain(ours))) + "\n"


if __name__ == "__main__":
    CUT.write_text(made(), encoding="utf-8")
    print(f"{CUT.relative_to(ROOT)}: {CUT.stat().st_size:,} bytes of {WHOLE.stat().st_size:,}")
