"""Addresses: e-mail, and URLs, of which only those of the web become links."""

from __future__ import annotations

import re
from typing import Any

from app.core.params.formats import text_formats
from app.core.params.kinds.texts import StoredText

_NO_SPACES = r"[^\s]*"
_WEB = re.compile(r"https?://", re.IGNORECASE)


class Email(StoredText[str]):
    """An e-mail address, normalized."""

    name = json_format = native = "email"
    noun = "An e-mail address"
    expectation = text_formats.EMAIL
    native_form = _NO_SPACES
    placeholder = "name@example.com"

    def understand(self, text: str) -> str:
        return text_formats.email(text)


class Url(StoredText[str]):
    """A complete URL, as it was typed."""

    name = native = "url"
    json_format = "uri"
    noun = "An address"
    expectation = text_formats.URL
    native_form = _NO_SPACES
    placeholder = "https://"
    names_limits = False

    def understand(self, text: str) -> str:
        return text_formats.url(text)

    def link(self, value: Any) -> str:
        return str(value) if _WEB.match(str(value)) else ""


EMAIL, URL = Email(), Url()
