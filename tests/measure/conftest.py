"""Fixtures of the tests of `bench.measure`."""

from pathlib import Path

import pytest

from tests.measure.fake_docker import FakeDocker, install


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    """Provide a fake `docker` whose commands succeed, in a folder with a compose file."""
    monkeypatch.chdir(tmp_path)
    for name in ("JWT_SECRET", "DB_PASSWORD", "MODEL", "BACKEND_IMAGE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "compose.yml").write_text("services: {}\n")
    return install(tmp_path, monkeypatch)
