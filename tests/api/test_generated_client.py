"""A client that a public generator makes of the OpenAPI document creates a task and gets its result."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.core.services import Services
from app.core.tasks.task import parse_task_id
from tests.core.params.schemas import schema_of
from tests.dtq.client.conftest import Server, server, token_of
from tests.web.create.creating import publish
from tests.web.looking import succeed

__all__ = ["server", "token_of"]

pytestmark = pytest.mark.slow


@pytest.fixture
def generated(app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a package that is made of the document; nothing of it may be left out."""
    document = tmp_path / "openapi.json"
    document.write_bytes(app.test_client().get("/api/v1/openapi.json").data)
    made = tmp_path / "generated"
    done = subprocess.run(
        [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none",
         "--path", document, "--output-path", made],
        capture_output=True, text=True, timeout=120, env={"PATH": str(Path(sys.executable).parent)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in (done.stdout + done.stderr).lower()
    monkeypatch.syspath_prepend(tmp_path)
    operations = sum(len(path) for path in json.loads(document.read_text())["paths"].values())
    assert len([path for path in made.glob("api/*/*.py") if path.stem != "__init__"]) == operations
    return made.name


def test_it_creates_a_task_and_gets_its_result(
    generated: str, server: Server, services: Services, token_of: Any
) -> None:
    publish(services, "count", title="Count", schema=schema_of(seconds=(int, ...)))

    def part(name: str) -> Any:
        return importlib.import_module(f"{generated}.{name}")

    models = part("models")
    with part("client").AuthenticatedClient(base_url=server.url, token=token_of()) as client:
        params = models.NewTaskParams.from_dict({"seconds": 2})
        new = models.NewTask(type_="count", params=params, title="Counted", tags=["a"])
        task = part("api.tasks.create_task").sync(client=client, body=new)
        assert isinstance(task, models.Task), task
        assert (task.title, task.status.value, task.tags) == ("Counted", "queued", ["a"])

        succeed(services, services.tasks.get(parse_task_id(task.id)), {"counted": 2})
        ended = part("api.tasks.get_task").sync(task.id, client=client, wait=5)
        assert (ended.status.value, ended.has_result) == ("succeeded", True)
        assert part("api.contents.get_result").sync(task.id, client=client) == {"counted": 2}

        wrong = part("api.tasks.create_task").sync(client=client, body=models.NewTask(type_="no_such_type"))
        assert isinstance(wrong, models.Problem) and wrong.status == 404
