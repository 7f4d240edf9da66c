"""Identity providers of single sign-on, as an operator's file names them, and what their groups mean here.

The file is TOML (IDENTITY_PROVIDERS), one table per provider:

    [company]
    title = "Company account"
    issuer = "https://login.example.org"
    client_id = "task-queue"
    client_secret_file = "/run/secrets/oidc"
    roles = { queue-admins = "administrator", operations = "operator", "*" = "submitter" }

Optional: `client_secret` instead of its file, `scopes`, `name_claim`, `groups_claim`, `sign_out`. A person
without a role for one of their groups, or for `*`, is not let in.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from app.core.people.roles import Role
from config import SettingsError
from environment import is_loopback

EVERYBODY = "*"
PROXY = "proxy"
"""What signs people in by a reverse proxy's header; no provider of the file has this name."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}\Z")
Text = Annotated[str, Field(min_length=1, max_length=500)]


class SignOut(StrEnum):
    """What signing out does about the session that the provider has of its own."""

    LINK = "link"
    """Link to the provider's sign-out, on the page that follows."""
    PROVIDER = "provider"
    """Lead to the provider, which ends its session and leads back: RP-Initiated Logout."""
    HERE = "here"
    """Nothing."""


class _Table(BaseModel):
    """A table of the file."""

    model_config = ConfigDict(extra="forbid")

    issuer: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")]
    client_id: Text
    title: Text | None = None
    client_secret: Text | None = None
    client_secret_file: Text | None = None
    scopes: list[Text] = ["openid", "profile", "email"]
    name_claim: Text = "preferred_username"
    groups_claim: Text = "groups"
    roles: dict[Text, Role]
    sign_out: SignOut = SignOut.LINK

    @model_validator(mode="after")
    def _consistent(self) -> _Table:
        if (self.client_secret is None) == (self.client_secret_file is None):
            raise ValueError("give either client_secret or client_secret_file")
        host = re.sub(r"^https?://(\[[^\]]*\]|[^/:]*).*$", r"\1", self.issuer)
        if self.issuer.startswith("http://") and not is_loopback(host):
            raise ValueError("issuer: use https://")
        if "openid" not in self.scopes:
            raise ValueError("scopes: include openid")
        return self


@dataclass(frozen=True)
class Provider:
    """An identity provider. ``roles`` maps a name of a group, or `*` for everybody, to a role."""

    name: str
    title: str
    issuer: str
    client_id: str
    client_secret: str
    scopes: tuple[str, ...]
    name_claim: str
    groups_claim: str
    roles: Mapping[str, Role]
    sign_out: SignOut = SignOut.LINK

    def __repr__(self) -> str:
        return f"Provider({self.name!r}, {self.issuer!r})"

    def role_of(self, groups: frozenset[str]) -> Role | None:
        """Return the highest role that a person of these groups has; None where they are not let in."""
        return highest_role(self.roles, groups)


def highest_role(roles: Mapping[str, Role], groups: Collection[str]) -> Role | None:
    """Return the highest role that some groups have by a table; None where they have none."""
    found = [role for group, role in roles.items() if group == EVERYBODY or group in groups]
    return max(found, key=lambda role: role.rank, default=None)


def read_providers(path: str) -> dict[str, Provider]:
    """Return the providers that a file names, by name; none for no path.

    Raises SettingsError with a sentence per problem; none repeats a secret.
    """
    if not path:
        return {}
    try:
        tables = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            [f"IDENTITY_PROVIDERS: {path} cannot be read ({type(error).__name__})."]
        ) from None
    except tomllib.TOMLDecodeError as error:
        # Its message names a line and a column; what stands there may be a secret, and is not said.
        place = re.search(r"at line \d+, column \d+", str(error))
        where = f" ({place[0]})" if place else ""
        raise SettingsError([f"IDENTITY_PROVIDERS: {path} is not TOML{where}."]) from None
    problems: list[str] = []
    found = {name: _provider(name, table, path, problems) for name, table in tables.items()}
    if problems:
        raise SettingsError(problems)
    return {name: provider for name, provider in found.items() if provider}


def _provider(name: str, table: Any, path: str, problems: list[str]) -> Provider | None:
    """Return a provider, or None with what is wrong added to ``problems``."""
    if not _NAME.match(name) or not isinstance(table, dict):
        problems.append(
            f"IDENTITY_PROVIDERS: {path}: use tables with names of lower-case letters, digits, - and _, "
            "such as [company]."
        )
        return None
    if name == PROXY:
        problems.append(f"IDENTITY_PROVIDERS: {path}: give [{PROXY}] another name; this one is in use.")
        return None
    try:
        values = _Table.model_validate(table)
        secret = values.client_secret or Path(str(values.client_secret_file)).read_text("utf-8").strip()
    except ValidationError as error:
        problems += [
            f"IDENTITY_PROVIDERS: [{name}] {'.'.join(map(str, problem['loc']))}: {problem['msg']}."
            for problem in error.errors(include_input=False, include_url=False)
        ]
        return None
    except (OSError, UnicodeDecodeError) as error:
        problems.append(
            f"IDENTITY_PROVIDERS: [{name}] client_secret_file cannot be read ({type(error).__name__})."
        )
        return None
    return Provider(
        name=name,
        title=values.title or name.capitalize(),
        issuer=values.issuer,
        client_id=values.client_id,
        client_secret=secret,
        scopes=tuple(values.scopes),
        name_claim=values.name_claim,
        groups_claim=values.groups_claim,
        roles=dict(values.roles),
        sign_out=values.sign_out,
    )
