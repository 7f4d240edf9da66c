"""Help texts, which are Markdown (CommonMark), as HTML that can do no harm.

HTML in the text is shown and not obeyed, links lead to the web or to mail only, and nothing is loaded from
elsewhere. The help of a task type is its docstring, so it comes from the operator of the workers.
"""

from __future__ import annotations

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markupsafe import Markup

SCHEMES = ("https:", "http:", "mailto:")


def markdown(text: str) -> Markup:
    """Paragraphs, lists, code, emphasis and links; a heading is one below the heading of its section."""
    return Markup(_renderer.render(text))  # noqa: S704 - it escapes whatever is not Markdown


def markdown_line(text: str) -> Markup:
    """Code, emphasis and links within a sentence."""
    return Markup(_renderer.renderInline(text))  # noqa: S704 - as above


def _make() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False}).disable(["html_block", "html_inline", "image"])
    made.validateLink = lambda url: url.lower().startswith(SCHEMES)  # type: ignore[method-assign]  # the library's own way to say which links it takes
    made.core.ruler.push("headings", _lower_headings)
    return made


def _lower_headings(state: StateCore) -> None:
    for token in state.tokens:
        if token.type.startswith("heading_"):
            token.tag = "h3"


_renderer = _make()
