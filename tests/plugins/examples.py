"""How many examples a property is tried with: one setting for all of them.

`DTQ_EXAMPLES` is the number for a property that states none, and a percentage for those that do.
CI sets 100; 1,000 looks longer.
"""

from __future__ import annotations

import os

USUAL = 100
"""What Hypothesis tries, and what the number that a property states for itself is a share of."""

EXAMPLES = int(os.environ.get("DTQ_EXAMPLES", "25"))


def examples(stated: int) -> int:
    """Return how many examples to try where ``stated`` are for the usual 100."""
    return max(1, stated * EXAMPLES // USUAL)
