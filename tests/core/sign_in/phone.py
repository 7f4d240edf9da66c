"""A phone with an authenticator app, in software."""

from __future__ import annotations

import pyotp

from app.core import clock
from app.core.people.users import User
from app.core.sign_in.second_factor import SecondFactors


class Phone:
    """An app that was given the secret of a user's second factor."""

    def __init__(self, secret: str) -> None:
        self.totp = pyotp.TOTP(secret.replace(" ", ""))

    def code(self, steps: int = 0) -> str:
        """Return the code of now, or of some steps of 30 s later."""
        return self.totp.generate_otp(int(clock.utcnow().timestamp()) // 30 + steps)


def set_up(factors: SecondFactors, user: User) -> tuple[Phone, list[str]]:
    """Set up an app for a user, by the code of the step before; returns it with the recovery codes."""
    app = Phone(factors.enroll(user).secret)
    return app, factors.confirm(user, app.code(-1))
