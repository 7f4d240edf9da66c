"""How a function says what becomes of its task, and how it is told of a cancellation."""

from __future__ import annotations

from dtq._types.numbers import finite

RETRY_LONGEST_S = 10 * 365 * 86_400  # No date that a retry ends up at is one that cannot be written.


class Fail(Exception):
    """Fail the task for good; the person sees the sentence.

        if not rows:
            raise Fail("The file has no rows. Send one with a header and at least one row.")

    No other attempt follows, whatever ``max_attempts`` says.
    """


class Retry(Exception):
    """Run the task again later, while attempts are left: after ``after_s`` seconds, else with backoff.

        if response.status == 503:
            raise Retry("The service is busy.", after_s=60)

    Raises TypeError and ValueError where ``after_s`` is no number of seconds that one can wait.
    """

    after_s: float | None = None

    def __init__(
        self, message: str = "The task asked to be run again.", after_s: float | None = None
    ) -> None:
        super().__init__(message)
        if after_s is not None:
            self.after_s = finite("Retry", "after_s", after_s)
            if not 0 <= self.after_s <= RETRY_LONGEST_S:
                raise ValueError(f"Retry takes 0 s to ten years as `after_s`, not {after_s}.")


class Canceled(BaseException):
    """The task was canceled: raised for a function, not by it.

        try:
            copy(source, target)
        except Canceled:
            target.unlink(missing_ok=True)
            raise

    Derived from BaseException, so that `except Exception` does not swallow it.
    """
