"""The wheel of `dtq`, in an environment with pydantic and nothing else, and in one with its client."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from app.local.environment import bundled_pip

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
IMPORT_S = 0.3
PIP_OPTIONS = ("--no-index", "--no-deps", "--disable-pip-version-check", "-q")
TASK_MODULE = '''
"""What an author writes, in full types."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, SecretStr

from dtq import Context, Fail, File, Retry, task
from dtq.checks import Check, chosen, empty
from dtq.filenames import extended
from dtq.lines import Accept, Lines, Part

Price = Lines(
    Accept(r"(?P<name>\\S+)\\s+(?P<price>.+)", price=Part({"pattern": "^[0-9.]+$"}, "Write a price.")),
    otherwise="Write a name and a price, such as tea 2.50.",
)


SIGNED = Check("token", "Enter a token.", chosen(least=9), empty("token"))


@task(title="Sum up", priority="high", checks=[SIGNED])
def sum_up(
    ctx: Context,
    source: File,
    items: Annotated[list[str], Price] = [],
    least: Annotated[int, Field(ge=0, le=9)] = 1,
    token: SecretStr | None = None,
) -> dict[str, Any]:
    """Add the numbers of a file."""
    numbers = [float(line) for line in source.path.read_text().split()]
    if len(numbers) < least:
        raise Fail("The file has too few numbers.")
    if ctx.attempt == 1 and not numbers:
        raise Retry("There are no numbers yet.", after_s=60)
    for done, number in enumerate(numbers, start=1):
        ctx.progress(done, len(numbers), f"{number}")
    if token is not None:
        print("signed with", token.get_secret_value())
    target = ctx.work_dir / "sum"
    target.write_text(f"{sum(numbers)}")
    return {"sum": sum(numbers), "file": ctx.save_file(target, extended(source.name, "-sum.txt"))["name"]}


@task(title="Wait")
async def wait(ctx: Context, seconds: float = 0) -> str:
    """Wait for nothing."""
    ctx.check_canceled()
    return f"{seconds}"
'''
UNIT_TEST = """
import sys
from sums import sum_up, wait
from dtq import Canceled, Fail, Retry, TaskTypeError, task
from dtq.testing import Invalid, Trial, Upload, run


def raised(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


done = run(sum_up, source=Upload("a.txt", b"1 2.5"), token="open sesame")
assert done.result == {"sum": 3.5, "file": "a.txt-sum.txt"}
assert done.files == {"a.txt-sum.txt": b"3.5"}
assert [report["done"] for report in done.progress] == [1, 2]
assert done.log == "signed with \\u2022\\u2022\\u2022\\u2022\\n"
assert run(wait).result == "0.0"
assert "too few" in str(raised(Fail, lambda: run(sum_up, source=b"")))
assert raised(Retry, lambda: run(sum_up, source=b"", least=0)).after_s == 60
assert raised(Invalid, lambda: run(sum_up, source=b"", least=10)).fields.keys() == {"least"}
raised(Canceled, lambda: Trial(cancel_at=1).run(wait))
raised(TaskTypeError, lambda: task(title="No context")(len))
programs = {"app", "workers", "config", "setting_values", "flask", "pymongo"}
ours = {name.partition(".")[0] for name in sys.modules} & programs
assert not ours, ours
print("tested", sys.modules["dtq"].__file__)
"""


PROGRAM = '''
"""A program that submits a task, in full types."""

from __future__ import annotations

from pathlib import Path

from dtq import Context, File, task
from dtq.client import Client, ConnectionFailed, DTQError, Invalid, Task, TaskFailed


@task(title="Report")
def report(ctx: Context, month: int, source: File | None = None) -> str:
    """Write the report of a month."""
    return f"{month}: {source.name if source else None}"


def submitted(client: Client, path: Path) -> list[Task]:
    options = client.options(priority="low", tags=["monthly"])
    return [report.submit(client, 3), report.submit(options, month=3, source=File.of(path))]


def clean(client: Client, path: Path) -> list[Path]:
    task: Task = client.submit("clean_table", source=path, rows=3, priority="high").wait(timeout_s=60)
    if task.error is not None:
        print(task.error.message)
    return [task.download(file, path.parent) for file in task.files() if file.size]


def failed(client: Client) -> list[str]:
    return [task.refresh().id for task in client.tasks(status="failed", ended="24h")]


try:
    with Client("http://127.0.0.1:9", "dtq_x", retry_s=0) as client:
        clean(client, Path(__file__))
except Invalid as error:
    print([wrong.pointer for wrong in error.errors])
except TaskFailed as error:
    print(error.task.log())
except ConnectionFailed as error:
    print("refused" in str(error))
except DTQError as error:
    print(error)
'''


def pip(*words: str | Path) -> None:
    bundled = bundled_pip()
    assert bundled, "this Python has no pip"
    done = subprocess.run(
        [sys.executable, bundled / "pip", *words], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built with no network: flit-core is in requirements-dev."""
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", *PIP_OPTIONS, "--no-build-isolation", "-w", folder, ".")
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has the wheel, pydantic and what that needs."""
    return environment(tmp_path_factory.mktemp("alone"), wheel, "pydantic")


@pytest.fixture(scope="module")
def python_of_client(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has the wheel with its extra."""
    return environment(tmp_path_factory.mktemp("client"), wheel, "pydantic", "httpx2")


def environment(folder: Path, wheel: Path, *names: str) -> Path:
    venv.create(folder, symlinks=True, with_pip=False)
    (packages,) = folder.glob("lib/python*/site-packages")
    pip("install", *PIP_OPTIONS, "--target", packages, wheel)
    for name in {each for wanted in names for each in needed(wanted)}:
        copy(importlib.metadata.distribution(name), packages)
    return folder / "bin" / "python"


def needed(name: str) -> Iterator[str]:
    """A distribution that is installed here and all that it needs."""
    yield name
    for line in importlib.metadata.requires(name) or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield from needed(requirement.name)


def copy(found: importlib.metadata.Distribution, packages: Path) -> None:
    """Install a distribution as it is installed here, without the network."""
    for file in found.files or ():
        if ".." not in file.parts and file.suffix != ".pyc":
            (packages / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.locate(), packages / file)


def ran(python: Path, folder: Path, *words: str | Path) -> str:
    done = subprocess.run(
        [python, *words], cwd=folder, env={"PATH": ""}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_holds_dtq_alone_and_needs_pydantic_only(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as content:
        names = content.namelist()
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        about = Parser().parsestr(content.read(metadata).decode())

    assert {name.split("/")[0] for name in names} == {"dtq", metadata.split("/")[0]}
    assert "dtq/py.typed" in names
    assert any(name.endswith("entry_points.txt") for name in names)
    needs = [Requirement(line) for line in about.get_all("Requires-Dist") or ()]
    assert [need.name for need in needs if need.marker is None] == ["pydantic"]
    extras = {
        "cli": {"httpx2", "click", "rich"},
        "client": {"httpx2"},
        "outgoing": {"certifi", "httpcore2", "idna"},
        "xlsx": {"openpyxl"},
    }
    assert {(need.name, str(need.marker)) for need in needs if need.marker} == {
        (name, f'extra == "{extra}"') for extra, names in extras.items() for name in names
    }
    assert (about["Name"], about["Requires-Python"]) == ("dtq", ">=3.11")


def test_it_is_imported_at_once(python: Path, tmp_path: Path) -> None:
    code = "import time; began = time.perf_counter(); import dtq; print(time.perf_counter() - began)"
    took_s = [float(ran(python, tmp_path, "-c", code)) for _ in range(6)]
    print(f"import dtq: {min(took_s):.3f} s, first {took_s[0]:.3f} s")
    assert min(took_s) < IMPORT_S


def test_a_task_type_is_unit_tested_with_it(python: Path, tmp_path: Path) -> None:
    (tmp_path / "sums.py").write_text(TASK_MODULE, encoding="utf-8")
    (tmp_path / "check.py").write_text(UNIT_TEST, encoding="utf-8")

    tested = ran(python, tmp_path, "check.py").splitlines()[-1]

    assert Path(tested.removeprefix("tested ")).is_relative_to(python.parent.parent)


def test_mypy_strict_accepts_a_task_module_and_sees_its_mistakes(python: Path, tmp_path: Path) -> None:
    (tmp_path / "sums.py").write_text(TASK_MODULE, encoding="utf-8")
    wrong = TASK_MODULE.replace("ctx.progress(done", "ctx.progres(done")
    (tmp_path / "wrong.py").write_text(wrong, encoding="utf-8")
    check = (sys.executable, "-m", "mypy", "--strict", "--python-executable", python, "--cache-dir", tmp_path)

    right = subprocess.run([*check, "sums.py"], cwd=tmp_path, capture_output=True, text=True, timeout=200)
    bad = subprocess.run([*check, "wrong.py"], cwd=tmp_path, capture_output=True, text=True, timeout=200)

    assert right.returncode == 0, right.stdout + right.stderr
    assert '"Context" has no attribute "progres"' in bad.stdout


def test_without_its_extra_the_client_says_what_to_install(python: Path, tmp_path: Path) -> None:
    code = "try:\n    import dtq.client\nexcept ImportError as error:\n    print(error)"
    assert ran(python, tmp_path, "-c", code).strip() == (
        "The client needs httpx2. Install it with: pip install 'dtq[client]'"
    )


def test_without_its_extra_the_command_says_what_to_install(python: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [python, "-c", "from dtq.cli import main; main()"],
        cwd=tmp_path,
        env={"PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr.strip()) == (
        1,
        "The command dtq needs click, httpx2 and rich. Install them with: pip install 'dtq[cli]'",
    )


def test_a_program_uses_the_client_and_mypy_strict_sees_its_mistakes(
    python_of_client: Path, tmp_path: Path
) -> None:
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    assert ran(python_of_client, tmp_path, "program.py").strip() == "True"

    mistakes = {
        'priority="high"': 'priority="urgent"', "task.download": "task.donwload",
        "client, 3": 'client, "3"', "month=3, source": "moth=3, source", 'priority="low"': 'prio="low"',
    }  # fmt: skip
    wrong = PROGRAM
    for right, mistake in mistakes.items():
        wrong = wrong.replace(right, mistake)
    (tmp_path / "wrong.py").write_text(wrong, encoding="utf-8")
    check = (sys.executable, "-m", "mypy", "--strict", "--python-executable", python_of_client)
    found = [
        subprocess.run(
            [*check, "--cache-dir", tmp_path, name], cwd=tmp_path, capture_output=True, text=True, timeout=200
        ).stdout
        for name in ("program.py", "wrong.py")
    ]
    assert "Success" in found[0], found[0]
    assert "donwload" in found[1] and "priority" in found[1]
    assert 'expected "int"' in found[1] and "moth" in found[1] and "prio" in found[1], found[1]
