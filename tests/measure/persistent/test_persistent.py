import json
import secrets
import stat
from pathlib import Path
from typing import Any

import pytest

from bench.core.config.stack import Stack
from bench.errors import ConfigError, StoreError, TargetError
from bench.measure.persistent import persistent
from bench.measure.persistent.stack_state import FOLDER
from bench.measure.stacks.projects import persistent_project
from tests.core.config.test_compose import inspected
from tests.measure.fake_docker import FakeDocker
from tests.measure.programs import make_stack as make_processes
from tests.measure.stacks.test_compose import make_stack


def up(stack: Stack, **ports: int) -> dict[str, str]:
    """Start a stack; a warning fails the test."""

    def fail(text: str) -> None:
        raise AssertionError(text)

    return dict(persistent.up(stack, ports, fail))


def test_containers_stay_up_until_down(fake: FakeDocker) -> None:
    """`status` and `logs` show the containers that `up` started, and `down` removes them."""
    stack = make_stack()
    assert persistent.statuses(stack) == {}
    assert up(stack, backend=40000) == {"backend": "http://127.0.0.1:40000"}
    assert fake.up_environment["BACKEND_PORT"] == "40000"
    assert ["compose", "--project-name", persistent_project("trial")] in [call[:3] for call in fake.calls]
    assert persistent.statuses(stack) == {"backend": "up", "db": "up"}
    assert persistent.is_up(stack)
    assert {name: text.strip() for name, text in persistent.logs(stack, "db", 5).items()} == {
        "db": "listening"
    }
    assert set(persistent.logs(stack, None, 5)) == {"backend", "db"}
    with pytest.raises(ConfigError, match="has no service 'front'"):
        persistent.logs(stack, "front", 5)
    with pytest.raises(ConfigError, match="is up"):
        up(stack)
    assert persistent.down(stack) == 2
    assert not persistent.is_up(stack)
    with pytest.raises(TargetError, match="is not up"):
        persistent.logs(stack, None, 5)


def test_only_the_owner_can_read_generated_secrets(fake: FakeDocker) -> None:
    """A later command of the owner finds them."""
    stack = make_stack()
    up(stack)
    (path,) = (path for path in (FOLDER / "trial").rglob("*") if path.is_file())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert persistent.secret(stack).get_secret_value() == fake.up_environment["JWT"]
    assert persistent.attach(stack).values["secret.DB_PASSWORD"] == fake.up_environment["PASSWORD"]
    persistent.down(stack)
    assert not path.exists()


def test_secrets_of_the_environment_are_not_written(
    fake: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later command needs them in its environment too."""
    stack, value = make_stack(), secrets.token_hex(8)
    for name in ("JWT_SECRET", "DB_PASSWORD"):
        monkeypatch.setenv(name, value)
    up(stack)
    assert fake.up_environment["PASSWORD"] == value
    assert value not in "".join(path.read_text() for path in Path(".bench").rglob("*") if path.is_file())
    assert persistent.attach(stack).values["jwt_secret"] == value
    assert persistent.secret(stack).get_secret_value() == value
    monkeypatch.delenv("DB_PASSWORD")
    with pytest.raises(ConfigError, match="DB_PASSWORD is not set") as caught:
        persistent.attach(stack)
    assert "bench stack down --stack trial" in (caught.value.hint or "")


def test_a_stack_with_another_image_is_not_used(fake: FakeDocker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable of the image changed after the start."""
    stack = make_stack()
    up(stack)
    monkeypatch.setenv("BACKEND_IMAGE", "ours:2")
    with pytest.raises(
        ConfigError, match=r"was started with BACKEND_IMAGE=, but BACKEND_IMAGE is now 'ours:2'"
    ):
        persistent.attach(stack)
    assert fake.calls


def test_without_a_state_file_secrets_come_from_the_environment(fake: FakeDocker) -> None:
    """The error names the missing one."""
    stack = make_stack()
    up(stack)
    for text in ('{"half', "[]"):
        (FOLDER / "trial" / "containers.json").write_text(text)
        with pytest.raises(ConfigError, match="JWT_SECRET is not set"):
            persistent.attach(stack)
    assert fake.calls


def test_a_failed_start_leaves_no_container_and_no_file(fake: FakeDocker) -> None:
    """The error contains the end of the log."""
    fake.containers[0] = inspected("backend", Health={"Status": "unhealthy"})
    fake.log = "no database"
    fake.write()
    stack = make_stack()
    with pytest.raises(
        TargetError, match="service 'backend' is unhealthy; the end of its log:\n  no database"
    ):
        up(stack)
    assert persistent.statuses(stack) == {}
    assert [path.name for path in FOLDER.iterdir()] == ["trial.lock"]


def test_a_stack_that_does_not_answer_is_removed(fake: FakeDocker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A healthy stack must also answer a test user. The error contains the last lines of the logs."""
    monkeypatch.setattr(persistent, "_READY_TIMEOUT_S", 0.0)
    content = make_stack().model_dump(mode="json", exclude_defaults=True)
    stack = Stack.model_validate(content | {"ready": {"service": "backend", "path": "/health"}})
    with pytest.raises(TargetError, match=r"(?s)was not ready within 0 s.*backend: listening"):
        up(stack)
    assert persistent.statuses(stack) == {}
    assert fake.was_called("rm", "--force")


def test_unknown_services_are_refused(fake: FakeDocker) -> None:
    """A stack that runs elsewhere has none, and `db` has no port to choose."""
    with pytest.raises(ConfigError, match="has no services to start"):
        up(Stack(name="far", purpose="x"))
    with pytest.raises(ConfigError, match="has no service 'db'") as caught:
        up(make_stack(), db=1)
    assert caught.value.hint == "services: backend"
    assert fake.calls == []


def test_a_folder_that_cannot_be_written_is_an_error(fake: FakeDocker) -> None:
    """No container starts."""
    Path(".bench").write_text("a file stands here")
    with pytest.raises(StoreError, match=r"cannot write .*trial\.lock"):
        up(make_stack())
    assert not any("up" in call for call in fake.calls)


def test_processes_have_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They contain the last lines of stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JWT_SECRET", secrets.token_hex(20))
    stack = make_processes({"one": "good"})
    try:
        up(stack)
        text = persistent.logs(stack, "one", 1)["one"]
        content: dict[str, Any] = json.loads(text)
        assert content["event"] == "listening"
        assert persistent.statuses(stack) == {"one": "up"}
        assert persistent.attach(stack).pids
    finally:
        persistent.down(stack)
    with pytest.raises(TargetError, match="is not up"):
        persistent.logs(stack, None, 1)
