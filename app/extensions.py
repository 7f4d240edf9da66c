"""What `create_app` put together, for whatever runs within the application: pages and commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from flask import current_app

from app.core.access.access import Access
from app.core.errors import Cause
from app.core.people.person import Origin, Person
from app.core.services import Services
from app.core.sign_in.factors import Factors
from app.core.sign_in.own_factors import OwnFactors
from app.core.sign_in.second_step import PendingSteps, SecondStep
from app.core.store_errors.advice import advice

if TYPE_CHECKING:
    from app.core.single_sign_on.single_sign_on import SingleSignOn


def services() -> Services:
    """The core, for views."""
    return cast(Services, current_app.extensions["services"])


def factors() -> Factors:
    """Second factors and passkeys; not a part of the core that workers hold, as their libraries take time."""
    return Factors.of(services().db, services().settings)


def single_sign_on() -> SingleSignOn | None:
    """Sign-in with identity providers, where there are any (IDENTITY_PROVIDERS)."""
    return cast("SingleSignOn | None", current_app.extensions.get("single_sign_on"))


def second_step() -> SecondStep:
    """What comes after a password, and instead of one."""
    core = services()
    return SecondStep(core.people, core.sign_in.throttle, factors(), PendingSteps(core.db))


def own_factors() -> OwnFactors:
    """Second factor and passkeys of the current person, to change."""
    core = services()
    return OwnFactors(core.people, core.sign_in.throttle, core.sign_in.passwords, factors())


def access() -> Access:
    """Tasks, as the person that the current request comes from may read and change them."""
    acting: Callable[[], tuple[Person, Origin]] = current_app.extensions["acting"]
    return services().access(*acting())


def session() -> str:
    """The ID of the browser's session that the current request comes from; empty for a program's."""
    return cast("Callable[[], str]", current_app.extensions["session"])()


def advice_about(setting: str, cause: Cause | None = None) -> str:
    """Return what to do when the store that a setting names cannot be used, in one sentence."""
    return advice(setting, services().settings, current_app.extensions["sources"], cause=cause)
