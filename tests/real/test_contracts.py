"""The contracts of `tests/core`, held by real servers: every test of the modules named here, as it is.

What they ask for (`services` first of all) comes from `tests/real/conftest.py`.
"""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.core import test_catalog, test_leases
from tests.core.access import test_access, test_bulk_run
from tests.core.files import test_attempt_logs
from tests.core.files import test_store as test_files
from tests.core.listing import test_listing, test_search_index, test_stats
from tests.core.queue import test_bulk, test_dispatcher, test_recovery, test_rq
from tests.core.tasks import test_attempts
from tests.core.tasks import test_store as test_tasks

pytestmark = [pytest.mark.real, pytest.mark.long]

CONTRACTS = (
    test_access,
    test_attempts,
    test_catalog,
    test_dispatcher,
    test_files,
    test_leases,
    test_listing,
    test_attempt_logs,
    test_bulk,
    test_bulk_run,
    test_rq,
    test_recovery,
    test_stats,
    test_tasks,
    test_search_index,
)


def taken_over(module: ModuleType) -> dict[str, object]:
    """Its tests by a name that tells where they are from, and its fixtures by their own."""
    about = module.__name__.rpartition(".test_")[2]
    names = {}
    for name, found in vars(module).items():
        if name.startswith("test_") and not isinstance(found, ModuleType):
            name = f"test_{about}_{name.removeprefix('test_')}"
        elif name.startswith("Test") and getattr(found, "__module__", "") == module.__name__:
            name = f"Test{about.capitalize()}{name.removeprefix('Test')}"
        elif type(found).__name__ != "FixtureFunctionDefinition":
            continue
        names[name] = found
    return names


def all_of_them() -> dict[str, object]:
    found: dict[str, object] = {}
    for contract in CONTRACTS:
        more = taken_over(contract)
        if hidden := found.keys() & more.keys():
            raise NameError(f"{contract.__name__} hides {hidden} of another contract; please rename it.")
        found.update(more)
    return found


globals().update(all_of_them())
