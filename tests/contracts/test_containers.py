import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.command import environment

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.ci.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PROFILES = {
    "sim": {"mongodb", "model", "agent", "backend"},
    "scaled": {"mongodb", "model", "model-balancer", "agent", "backend", "balancer"},
    "ollama": {"mongodb", "ollama", "model-loader", "agent", "backend"},
}


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_is_a_whole_stack(profile: str) -> None:
    """Backend, agent, database, and a model under the one name that the agent knows."""
    found = {name for name, each in SERVICES.items() if profile in each["profiles"]}
    assert found == PROFILES[profile]
    models = [name for name in found if "llm" in str(SERVICES[name].get("networks", ""))]
    assert len(models) == 1


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_bounded_and_watched(name: str) -> None:
    """It says when it is ready, comes back, has a share of the machine, and no right that is not needed."""
    service = SERVICES[name]
    assert service["healthcheck"]["test"]
    assert service["healthcheck"]["interval"] == "2s"
    assert service["restart"] == "on-failure:5"
    assert service["mem_limit"]
    assert service["cpus"]
    assert service["init"] is True
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service
    assert "network_mode" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_reached_from_this_machine_only(name: str) -> None:
    """A port stands open on loopback, and can be another one."""
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z]+_PORT:-\d+\}:\d+", port)


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_a_version_that_can_be_replaced(name: str) -> None:
    """An exact tag, or ours, unless a variable names another one."""
    found = re.fullmatch(r"\$\{[A-Z]+_IMAGE:-([a-z/]+):([\w.-]+)\}", SERVICES[name]["image"])
    assert found
    assert found[2] != "latest"
    # It would build ours under the name of another's.
    assert "build" not in SERVICES[name]


@pytest.mark.parametrize("name", ["model", "agent", "backend"])
def test_ours_can_change_nothing(name: str) -> None:
    """No capability, and no file that it could write outside of /tmp."""
    assert SERVICES[name]["read_only"] is True
    assert SERVICES[name]["cap_drop"] == ["ALL"]


def test_who_starts_waits_for_who_is_asked() -> None:
    """Each of what a service needs is healthy first."""
    for service in SERVICES.values():
        for condition in service.get("depends_on", {}).values():
            assert condition == {"condition": "service_healthy"}
    assert set(SERVICES["backend"]["depends_on"]) == {"mongodb", "agent"}


def test_secrets_come_from_the_environment() -> None:
    """There is no default for one, so that nobody runs with a password that everybody knows."""
    text = (ROOT / "docker-compose.ci.yml").read_text(encoding="utf-8")
    for name in ("JWT_SECRET", "MONGODB_PASSWORD"):
        assert f"${{{name}:?" in text
        assert f"${{{name}:-" not in text


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_is_an_argument(name: str) -> None:
    """Everybody on a machine can read what a program is started with, so no secret is among it."""
    service = SERVICES[name]
    started = [service["healthcheck"]["test"], service.get("command", []), service.get("entrypoint", [])]
    assert not re.search("SECRET|PASSWORD", str(started))


def _compose() -> list[str] | None:
    """The command that reads compose files, of either generation; None where there is none."""
    if docker := shutil.which("docker"):
        known = subprocess.run([docker, "compose", "version"], capture_output=True, check=False)
        if known.returncode == 0:
            return [docker, "compose"]
    alone = shutil.which("docker-compose")
    return [alone] if alone else None


@pytest.mark.parametrize("profile", PROFILES)
def test_compose_reads_the_file(profile: str) -> None:
    """Every profile is one that can be started, with the secrets; without them it says which is missing."""
    compose = _compose()
    if compose is None:
        pytest.skip("there is no docker compose, so nothing has read docker-compose.ci.yml")
    command = [*compose, "-f", "docker-compose.ci.yml", "--profile", profile, "config"]
    secrets = {"JWT_SECRET": "of-this-test", "MONGODB_PASSWORD": "of-this-test"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment(**secrets), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert PROFILES[profile] <= set(yaml.safe_load(done.stdout)["services"])
    without = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    assert without.returncode != 0
    assert "export" in without.stderr


def test_the_image_runs_as_nobody() -> None:
    """A number, so that a cluster can see that it is not root; its base can be replaced."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("USER")] == ["USER 65532:65532"]
    assert lines.index("USER 65532:65532") < next(n for n, line in enumerate(lines) if line.startswith("CMD"))
    assert all("${PYTHON_IMAGE}" in line for line in lines if line.startswith("FROM"))
    assert "--require-hashes" in " ".join(lines)
