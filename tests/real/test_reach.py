"""What task code can reach: no key, no address of a store, no file and no secret of another task."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.core.secrets.secret import Secret
from app.core.services import Services
from app.core.tasks.states import Status
from app.core.tasks.task import NewTask, Task
from app.local.servers import LocalStores
from tests.real.test_up import REAL, core, exported, started
from tests.rig.fleet import Fleet, fleet
from tests.rig.processes import until

pytestmark = pytest.mark.real

KEYS = {
    "SECRET_KEY": "signing-Zk3-9vXq_71hTsw0LrCePbYu5nDgJa2mQ8oF",
    "SECRET_KEY_FALLBACKS": "signed-before-Zk3-9vXq_71hTsw0LrCeP",
    "SECRETS_KEY": "sealing-zK3-9VxQ_71HtSW0lRcEpByU5NdGjA2Mq8Of",
    "SECRETS_KEY_FALLBACKS": "sealed-before-zK3-9VxQ_71HtSW0lRcEp",
}


@pytest.fixture(params=[1, 2])
def crew(real_stores: LocalStores, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Fleet]:
    """Workers as an operator starts them: one supervisor alone, and a fleet of two."""
    more = {"TASK_MODULES": "tests.real.prying", "SMTP_PASSWORD": "smtp-hunter2", "OWN_VARIABLE": "kept"}
    with fleet(real_stores, "reach", tmp_path, **KEYS, **more, ENVIRONMENT="production") as made:
        made.start(request.param)
        yield made


def seen(services: Services, task: Task) -> dict[str, Any]:
    ended = until(lambda: (found := services.tasks.get(task.id)).status.ended and found, 60)
    assert ended.status is Status.SUCCEEDED, ended.error
    if ended.result_file is None:
        return dict(ended.result)
    return dict(json.loads(b"".join(services.files.chunks(ended.result_file))))


def assert_no_trace(found: dict[str, Any], secrets: dict[str, str]) -> None:
    text = json.dumps(found)
    assert [name for name, secret in secrets.items() if json.dumps(secret)[1:-1] in text] == []
    maps = "\n".join(process["maps"] for process in found["processes"].values())
    assert "python" in maps and not any(name in maps for name in (".env", "session_key", "secrets_key"))
    assert sum(bool(process["cmdline"]) for process in found["processes"].values()) >= 3


def test_a_task_finds_no_key_and_no_address_in_any_environment(crew: Fleet) -> None:
    found = seen(crew.services, crew.submit("look_around"))
    stores = {name: crew.env[name] for name in ("MONGODB_URI", "REDIS_URL")}

    assert found.pop("smtp_password") == "smtp-hunter2"  # what task types may read, they read from ctx
    assert_no_trace(found, {**KEYS, **stores, "SMTP_PASSWORD": "smtp-hunter2"})
    assert found["os.environ"]["OWN_VARIABLE"] == "kept" and "OWN_VARIABLE=kept" in found["a program"]
    assert found["os.environ"]["PATH"] == crew.env["PATH"]


@pytest.mark.usefixtures("usual_ports")
def test_nor_under_make_up_where_the_web_server_runs_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / ".dtq"
    with started([*REAL, str(folder)], folder, TASK_MODULES="tests.real.prying", **KEYS) as run:
        run.wait_for("Open http", timeout_s=300)
        with core(folder) as services:
            others = {"others": [process.pid for process in run.family()]}
            task = services.dispatch.submit(NewTask(type="look_around", title="", params=others)).task
            found = seen(services, task)
        stores = {name: exported(folder, name) for name in ("MONGODB_URI", "REDIS_URL")}

    assert_no_trace(found, {**KEYS, **stores})
    assert any("gunicorn" in process["cmdline"] for process in found["processes"].values())


def test_a_text_that_names_a_file_opens_none_of_another_task(crew: Fleet) -> None:
    files = [
        crew.services.files.save(io.BytesIO(content), "a.txt", "text/plain", "local", role="input").id
        for content in (b"of another task", b"mine")
    ]
    crew.submit("name_a_file", params={"file_id": "", "mine": str(files[0])}, files=(files[0],))
    asked = crew.submit(
        "name_a_file", params={"file_id": str(files[0]), "mine": str(files[1])}, files=(files[1],)
    )
    ended = crew.ended(asked)

    assert ended.status is Status.FAILED and ended.error
    assert (
        ended.error["type"] == "NotFound" and "A task can read the files that its" in ended.error["message"]
    )


def test_a_secret_of_another_task_opens_nowhere_else(crew: Fleet) -> None:
    content = io.BytesIO(b"mine")
    file = crew.services.files.save(content, "a.txt", "text/plain", "local", role="input").id
    params = {"file_id": str(file), "mine": str(file)}
    first = crew.submit("name_a_file", params={**params, "password": Secret("canary")}, files=(file,))
    assert crew.ended(first).status is Status.FAILED or crew.task(first).result == "mine"
    stolen = crew.task(first).params["password"]
    second = crew.submit("name_a_file", params={**params, "password": stolen}, files=(file,))
    ended = crew.ended(second)

    assert crew.task(first).result == "mine"  # its own is opened by its supervisor
    assert ended.status is Status.FAILED and ended.error and ended.error["kind"] == "params"
    assert ended.error["type"] == "CannotOpen"
