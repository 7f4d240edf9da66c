"""Where the server is and as whom: the environment, or what `dtq login` stored."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from dtq.cli.terminal import is_terminal, one_line, say
from dtq.client import BadSetting, Client
from dtq.client.http import checked_url

RETRY_S = 10.0
"""A person waits for the answer."""


@dataclass(frozen=True)
class Login:
    """A server's URL and a token of it."""

    url: str = ""
    token: str = ""


def file() -> Path:
    """Return where a login is stored: in the folder for settings of this platform."""
    return Path(click.get_app_dir("dtq")) / "login.json"


def stored() -> Login:
    """Return the stored login, an empty one where there is none. Raises BadSetting, OSError."""
    try:
        found = json.loads(file().read_text(encoding="utf-8"))
        return Login(str(found["url"]), str(found["token"]))
    except FileNotFoundError:
        return Login()
    except (ValueError, KeyError, TypeError):
        raise BadSetting(f"{file()} cannot be read. Run dtq login again.") from None


def current() -> Login:
    """Return the login of this process. A stored token is never sent to another server than its own."""
    url, token = os.environ.get("DTQ_URL", ""), os.environ.get("DTQ_TOKEN", "")
    if url and token:
        return Login(url, token)
    known = stored()
    if not url or (known.url and checked_url(url) == known.url):
        found = Login(known.url, token or known.token)
        if found.url and found.token:
            return found
    missing = "DTQ_TOKEN" if url else "DTQ_URL and DTQ_TOKEN"
    raise BadSetting(f"Run dtq login, or set {missing}.")


def connect(timeout_s: float = 30, retry_s: float | None = None) -> Client:
    """Return a client of the current login, which is closed with the command. Raises BadSetting."""
    login = current()
    client = Client(login.url, login.token, timeout_s, retry_s=RETRY_S if retry_s is None else retry_s)
    if context := click.get_current_context(silent=True):
        context.call_on_close(client.close)
    return client


def store(login: Login) -> None:
    """Write a login so that nobody else can read it, also not for a moment. Raises OSError."""
    path = file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as content:
            json.dump({"url": login.url, "token": login.token}, content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@click.command("login")
@click.argument("url", required=False)
def login_command(url: str | None) -> None:
    """Store the server's URL and a token, which the profile page makes.

    The token is asked for without being shown, or read from standard input where that is no terminal. Both
    are tried before they are stored, in a file that only you can read. Scripts can set DTQ_URL and
    DTQ_TOKEN instead.
    """
    url = checked_url(url or click.prompt("URL of the server", err=True))
    token = (
        click.prompt("Token", hide_input=True, err=True) if is_terminal(sys.stdin) else sys.stdin.readline()
    )
    login = Login(url, token.strip())
    with Client(login.url, login.token, retry_s=0) as client:
        me = client.me()
    store(login)
    say(f"Signed in to {url} as {one_line(me.name)} ({me.role}).")


@click.command("logout")
def logout_command() -> None:
    """Delete the stored URL and token. The token stays valid; revoke it on the profile page."""
    with contextlib.suppress(FileNotFoundError):
        file().unlink()
    say("The stored login is deleted.")
