"""The house of docs/explanation/architecture.md: who may import whom, and how rooms are built."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

HERE = Path(__file__).resolve()
ROOT = HERE.parent.parent
LINES_OF_A_FUNCTION = 50
MODULES_OF_A_ROOM = 12
HOUSES = (
    "app/core",
    "app/core/backup",
    "app/core/params",
    "app/web",
    "app/cli",
    "app/local",
    "dtq",
    "workers",
    "library/dtq_library",
    "library/dtq_library/tables",
)

MODULES = sorted(
    path
    for folder in ("app", "dtq", "workers", "library")
    for path in (ROOT / folder).rglob("*.py")
    if path.stat().st_size
) + [
    ROOT / name
    for name in ("config.py", "setting_values.py", "environment.py", "wsgi.py", "gunicorn.conf.py")
]
EVERYTHING = [*MODULES, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "bench").rglob("*.py"))]

FORBIDDEN = [
    ("app/core", "app.web", "the core knows no page"),
    ("app/core", "app.local", "the core knows no local server"),
    ("app/core", "workers", "the core runs no task code"),
    ("app/core", "flask", "the core knows no Flask"),
    ("app/core", "flask_wtf", "the core knows no Flask"),
    ("app/core", "flask_pymongo", "the core knows no Flask"),
    ("app/core", "werkzeug", "the core knows no Flask"),
    ("app/core", "jinja2", "the core renders nothing"),
    ("app/web", "workers", "the web process imports no task code"),
    ("app/cli", "workers", "a command that needs task code becomes another process"),
    ("app/web", "app.local", "the web is told its stores by settings"),
    ("app/web", "redis", "the web asks the core"),
    ("app/local", "app.web", "processes are started, not imported"),
    ("app/local", "workers", "processes are started, not imported"),
    ("workers", "app.web", "workers and web never import each other"),
    ("workers", "flask", "workers render nothing"),
    ("app/core", "app.cli", "the core knows no command"),
    ("app/core", "app.api", "the core knows no API"),
    ("app/web", "app.cli", "pages and commands meet in the core"),
    ("app/web", "app.api", "pages and the API meet in the core"),
    ("app/cli", "app.web", "pages and commands meet in the core"),
    ("app/cli", "app.api", "commands and the API meet in the core"),
    ("app/cli", "app.local", "processes are started, not imported"),
    ("app/api", "app.web", "pages and the API meet in the core, and in app/http"),
    ("app/http", "app.web", "what pages and the API share knows neither"),
    ("app/http", "app.api", "what pages and the API share knows neither"),
    ("app/http", "app.cli", "what pages and the API share knows no command"),
    ("app/core", "app.http", "the core knows no Flask"),
    ("app/cli", "app.http", "commands answer no request"),
    ("workers", "app.http", "workers answer no request"),
    ("app/api", "app.cli", "commands and the API meet in the core"),
    ("app/api", "app.local", "the API is told its stores by settings"),
    ("app/api", "workers", "the web process imports no task code"),
    ("app/api", "redis", "the API asks the core"),
    ("workers", "app.cli", "workers and commands never import each other"),
    ("workers", "app.api", "workers and the API never import each other"),
    ("workers", "app.local", "workers are told their stores by settings"),
    ("dtq", "app", "the public package stands alone"),
    ("dtq", "workers", "the public package stands alone"),
    ("dtq", "config", "the public package stands alone"),
    ("dtq", "setting_values", "the public package stands alone"),
    ("dtq", "environment", "the public package stands alone"),
    ("dtq", "dtq_library", "the public package stands alone"),
    ("app", "dtq._types", "what the program needs of it is in dtq.runtime"),
    ("workers", "dtq._types", "what the program needs of it is in dtq.runtime"),
    ("app", "dtq._program", "what the program needs of it is in dtq.runtime"),
    ("workers", "dtq._program", "what the program needs of it is in dtq.runtime"),
    ("library", "app", "the public package suffices"),
    ("library", "workers", "the public package suffices"),
    ("library", "config", "the public package suffices"),
    ("library", "setting_values", "the public package suffices"),
    ("library", "environment", "the public package suffices"),
    ("library", "flask", "task types render nothing"),
    ("config.py", "app", "settings come first"),
    ("config.py", "workers", "settings come first"),
    ("config.py", "environment", "what settings there are comes before where they come from"),
    ("setting_values.py", "app", "settings come first"),
    ("setting_values.py", "workers", "settings come first"),
    ("setting_values.py", "config", "what a text means does not depend on the table"),
    ("setting_values.py", "environment", "what a text means does not depend on the table"),
    ("environment.py", "app", "settings come first"),
    ("environment.py", "workers", "settings come first"),
]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports(path: Path) -> frozenset[str]:
    """Every module that a file imports, also inside functions."""
    return frozenset(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert not node.level, f"{name_of(path)}: imports are absolute here"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def importing(module: str, within: str = "") -> set[str]:
    """The files below a folder that import a module or a part of it."""
    return {
        name_of(path)
        for path in MODULES
        if name_of(path).startswith(within)
        and any(f"{each}.".startswith(f"{module}.") for each in imports(path))
    }


@pytest.mark.parametrize(("room", "module", "reason"), FORBIDDEN)
def test_imports_go_one_way(room, module, reason):
    assert importing(module, room) == set(), reason


def test_the_rule_would_see_an_import():
    assert "app/core/tasks/store.py" in importing("app.core", "app/core")
    assert importing("flask", "app/web")


def test_the_public_package_needs_pydantic_only():
    files = [path for path in MODULES if name_of(path).startswith("dtq/")]
    needed = {module.partition(".")[0] for path in files for module in imports(path)}
    extras = {"httpx2": ("dtq/client/",), "click": ("dtq/cli/",), "rich": ("dtq/cli/",)}
    extras |= {"openpyxl": ("dtq/cli/groups/batch_rows.py",)}
    extras |= dict.fromkeys(("httpcore2", "certifi", "idna"), ("dtq/outgoing/",))
    extras |= {"opentelemetry": ("dtq/trace_context.py",)}  # In programs that have imported it.
    ours = {"dtq", "pydantic", "pydantic_core", "regex"}
    assert needed - sys.stdlib_module_names == {*ours, *extras}
    extras |= {"dtq.client": ("dtq/client/", "dtq/cli/"), "dtq.cli": ("dtq/cli/",)}
    extras |= {"dtq.outgoing": ("dtq/outgoing/",)}
    for module, rooms in extras.items():
        assert {name for name in importing(module, "dtq") if not name.startswith(rooms)} == set(), module
    assert importing("regex", "dtq") == {"dtq/lines.py"}, "there it is used where it is installed"


def test_only_the_queue_of_the_core_touches_rq():
    assert importing("rq", "app") == {"app/core/queue/rq.py"}


@pytest.mark.parametrize("module", ["app.core.tasks.states", "app.core.errors"])
def test_the_tables_import_nothing_of_ours(module):
    path = ROOT / f"{module.replace('.', '/')}.py"
    assert [each for each in imports(path) if each.startswith(("app", "workers", "config"))] == []


# Rooms: folders that a newcomer can read, and that do not depend on each other both ways


def module_name(path: Path) -> str:
    dotted = name_of(path)[:-3].replace("/", ".").removeprefix("library.")
    return dotted.removesuffix(".__init__")


def room_of(path: Path, house: str) -> str:
    """The folder of a house that a module is in; the module itself where it stands loose."""
    first = path.relative_to(ROOT / house).parts[0]
    return (
        module_name(ROOT / house / first)
        if first.endswith(".py")
        else module_name(ROOT / house / first / "__init__.py")
    )


def neighbors(house: str) -> dict[str, set[str]]:
    """Which rooms of a house each of its rooms imports; what its `__init__.py` passes on is no room."""
    front = ROOT / house / "__init__.py"
    modules = {
        module_name(path): path for path in MODULES if path.is_relative_to(ROOT / house) and path != front
    }
    rooms = {name: room_of(path, house) for name, path in modules.items()}
    found: dict[str, set[str]] = {}
    for name, path in modules.items():
        needed = {rooms[module] for module in imports(path) if module in rooms}
        found.setdefault(rooms[name], set()).update(needed - {rooms[name]})
    return found


def test_a_room_is_read_at_a_glance():
    rooms = {path.parent for path in MODULES} - {ROOT}
    modules = {name_of(room): len({*room.glob("*.py")} - {room / "__init__.py"}) for room in rooms}
    assert {room: many for room, many in modules.items() if many > MODULES_OF_A_ROOM} == {}


@pytest.mark.parametrize("house", HOUSES)
def test_no_two_rooms_depend_on_each_other(house):
    try:
        TopologicalSorter(neighbors(house)).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))


def test_the_rule_would_see_two_rooms_that_depend_on_each_other():
    found = neighbors("app/core")
    assert "app.core.tasks" in found["app.core.queue"]
    assert "app.core.queue" in found["app.core.services"]
    assert "app.core.tasks.store" not in found
    found["app.core.tasks"].add("app.core.queue")
    with pytest.raises(CycleError):
        TopologicalSorter(found).prepare()


# What really happens when a process starts


def run(code: str) -> str:
    """What a fresh interpreter prints; any socket that it opens ends it."""
    guard = (
        "import socket, sys, threading\n"
        "def refuse(*args, **given): raise SystemExit('a socket was opened')\n"
        "socket.socket.connect = socket.socket.connect_ex = socket.socket.bind = refuse\n"
        "socket.create_connection = socket.getaddrinfo = refuse\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", guard + code],
        cwd=ROOT,
        env={"ENVIRONMENT": "local", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_web_process_imports_no_task_code():
    code = (
        "from app import create_app\n"
        "from config import load\n"
        "import os\n"
        "create_app(load(os.environ))\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in ('workers', 'polars')))\n"
    )
    assert run(code) == "[]\n"


@pytest.mark.slow
def test_the_supervisor_imports_no_task_code_and_no_page():
    code = (
        "import workers.supervisor.supervisor, workers.supervisor.fleet, workers.__main__\n"
        "print(sorted(name for name in sys.modules\n"
        "    if name.startswith(('dtq_library', 'app.web', 'flask', 'polars'))))\n"
    )
    assert run(code) == "[]\n"


@pytest.mark.slow
def test_importing_any_module_connects_to_nothing_and_starts_nothing():
    names = [module_name(path) for path in MODULES]
    wanted = [name for name in names if not name.endswith((".__main__", "wsgi", "gunicorn.conf"))]
    code = (
        "import importlib\n"
        f"for name in {wanted!r}: importlib.import_module(name)\n"
        "print(threading.active_count(), len(sys.argv))\n"
    )
    assert run(code) == "1 1\n"


def test_only_the_entrances_read_the_environment():
    readers = {
        name_of(path)
        for path in MODULES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
        if ast.unparse(node) != "request.environ"  # WSGI's, which is the request
    }
    allowed = (
        "app/local/",
        "app/cli/",
        "wsgi.py",
        "gunicorn.conf.py",
        "workers/__main__.py",
        "workers/attempt/child.py",
        "dtq/cli/",  # what somebody said about where to connect to
        "dtq/client/client.py",  # where a program connects to, and as whom
        "workers/process_state/system.py",  # it reads no setting: it puts back what a task has changed
    )
    assert {name for name in readers if not name.startswith(allowed)} == set()


ENGINE = frozenset({"tasks", "queries", "listing", "bulk", "stats", "files", "logs", "dispatch"})
PAST_RIGHTS = {
    "app/cli/keys.py": "keys are changed by who runs the installation, for everybody's secrets",
    "app/cli/data.py": "an export and an import are of the whole database",
    "app/api/system.py": "lengths of queues are told to every program",
    "app/web/platform/pulse.py": "lengths of queues and the pace of workers are shown to everybody signed in",
}


def past_rights(tree: ast.AST) -> set[str]:
    """The parts of the engine that code takes from the services, and so from no rights."""
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ENGINE and _is_services(node.value)
    }


def _is_services(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return _is_services(value.func)
    name = value.attr if isinstance(value, ast.Attribute) else getattr(value, "id", "")
    return name.strip("_") in ("services", "core", "engine")


def test_pages_commands_and_programs_reach_tasks_by_rights_only():
    doors = ("app/web/", "app/http/", "app/cli/", "app/api/")
    found = {
        name_of(path) for path in MODULES if name_of(path).startswith(doors) and past_rights(tree_of(path))
    }
    assert found == set(PAST_RIGHTS)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("services().tasks.get(1)", {"tasks"}),
        ("core.dispatch.submit(new)", {"dispatch"}),
        ("self._services.logs.read(1, 2)", {"logs"}),
        ("access()._engine.files.get(1)", {"files"}),
        ("access().files.of_task(task)", set()),
        ("services().catalog.types()", set()),
    ],
)
def test_the_rule_would_see_a_way_past_rights(code, found):
    assert past_rights(ast.parse(code)) == found


# How a room is built


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


def test_a_function_fits_on_a_screen():
    long = {
        f"{name_of(path)} {node.name}": length
        for path in EVERYTHING
        for node in functions(path)
        if (length := lines_of(node)) > LINES_OF_A_FUNCTION
    }
    assert long == {}


def test_a_module_says_what_lives_in_it():
    silent = [name_of(path) for path in MODULES if len(ast.get_docstring(tree_of(path)) or "") <= 20]
    assert silent == []


@pytest.mark.parametrize(
    ("mark", "folders"),
    [
        ("real", {"tests/chaos", "tests/real", "tests/security"}),
        ("browser", {"tests/browser", "tests/security"}),
    ],
)
def test_make_looks_for_tests_where_they_are(mark, folders):
    marked = {path for path in EVERYTHING if f"pytest.mark.{mark}" in path.read_text() and path != HERE}
    assert {name_of(path.parent) for path in marked} == folders
    makefile = (ROOT / "Makefile").read_text()
    assert " ".join(sorted(folders)) in makefile


def test_make_leaves_out_no_fast_test():
    """`FAST` of the Makefile does not look into these folders: all of their files are marked as a whole."""
    ignored = re.findall(r"--ignore (\S+)", (ROOT / "Makefile").read_text())
    assert ignored == ["tests/real", "tests/browser"]
    files = [path for path in EVERYTHING if path.match("test_*.py") and name_of(path.parent) in ignored]
    whole = re.compile(r"^pytestmark = [^#]*?pytest\.mark\.(real|browser|slow|chaos)\b", re.MULTILINE)
    assert [name_of(path) for path in files if not whole.search(path.read_text())] == []


def test_only_the_clock_asks_for_the_time():
    """Times come from `app.core.clock.utcnow`; a naive or local time anywhere is a defect.

    `dtq.utcnow` is that one in this program, and the host's in a unit test with the package alone.
    """
    asking = {
        name_of(path)
        for path in MODULES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute)
        and node.attr in ("now", "utcnow", "today", "fromtimestamp", "utcfromtimestamp")
        and isinstance(node.value, ast.Name)
        and node.value.id in ("datetime", "date")
    }
    assert asking == {"app/core/clock.py", "dtq/clock.py"}
