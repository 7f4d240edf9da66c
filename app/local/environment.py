"""Make the environment and install into it: ``python3 environment.py FOLDER LIST [LIST ...]``.

Run by `make` with any Python from 3.11 on, before anything is installed. Packages are installed by uv, which
is several times faster than pip; where uv cannot be had or fails, pip does it. Both check the hashes of the
lists. An environment that is there already is added to.
"""

from __future__ import annotations

import ensurepip
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

WINDOWS = (
    "make needs Linux or macOS: on Windows, run it in WSL, or everything in containers with "
    "`docker compose up`; the web server alone runs here with `flask run` (see README.md)."
)
TOOLS = Path(__file__).resolve().parents[2] / "requirements-tools.txt"
LIBRARY = Path(__file__).resolve().parents[2] / "library"


def bundled_pip() -> Path | None:
    """The pip that comes with Python itself, as a wheel that can be run; None where a system left it out."""
    folders = [Path(ensurepip.__file__).parent / "_bundled"]
    if elsewhere := sysconfig.get_config_var("WHEEL_PKG_DIR"):
        folders.append(Path(elsewhere))
    return next((wheel for folder in folders for wheel in folder.glob("pip-*.whl")), None)


def run(*command: str | Path, quiet: bool = False) -> bool:
    """Run a program; returns whether it did its work."""
    output = subprocess.DEVNULL if quiet else None
    return subprocess.run(list(map(str, command)), stderr=output, check=False).returncode == 0


def lists(files: list[str]) -> list[str]:
    return [word for file in files for word in ("-r", file)]


def install_by_uv(python: Path, pip: Path, files: list[str]) -> bool:
    """Returns False where uv could not do it, with nothing said: pip will say what is wrong."""
    uv = python.with_name("uv")
    if not uv.exists() and not run(
        python, pip / "pip", "install", "-q", "--no-compile", *lists([str(TOOLS)])
    ):
        return False
    install: list[str | Path] = [
        uv,
        "pip",
        "install",
        "-q",
        "--compile-bytecode",
        "--require-hashes",
        "--python",
        python,
    ]
    return run(*install, *lists(files), quiet=True)


def offer_library(folder: str) -> None:
    """Put the built-in task types on the path of the environment, from the folder where they stand."""
    for packages in Path(folder).glob("lib/python*/site-packages"):
        (packages / "dtq_library.pth").write_text(f"{LIBRARY}\n", encoding="utf-8")


def main(folder: str, files: list[str]) -> int:
    if sys.version_info < (3, 11):  # noqa: UP036 - this is how an older one is told
        print(f"Use Python 3.11 or newer; this is {sys.version.split()[0]}.", file=sys.stderr)
        return 1
    if sys.platform == "win32":
        print(WINDOWS, file=sys.stderr)
        return 1
    pip = bundled_pip()
    if pip is None:
        print("This Python has no pip. On Debian and Ubuntu: apt-get install python3-venv", file=sys.stderr)
        return 1
    python = Path(folder).absolute() / "bin" / "python"
    os.environ.update(PIP_DISABLE_PIP_VERSION_CHECK="1", VIRTUAL_ENV=folder)
    if not python.exists():
        venv.create(folder, symlinks=True, with_pip=False)
    done = install_by_uv(python, pip, files) or run(
        python, pip / "pip", "install", "-q", "--require-hashes", *lists(files)
    )
    if done:
        offer_library(folder)
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
