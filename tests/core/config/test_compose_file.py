"""Compose files, changed so that two versions can be up at once."""

import json
from typing import Any

import pytest

from bench.core.config.compose import Compose
from bench.core.config.compose_file import (
    active_services,
    add_dependencies,
    describe_services,
    find_conflict,
    isolate,
    list_aliases,
)

COMPOSE = Compose.model_validate(
    {
        "file": "compose.yml",
        "caches": ["models"],
        "services": {"api": {"port": 3000}, "model": {"service": "ollama", "port": 11434}},
    }
)


def make_config() -> dict[str, Any]:
    """Return a file with names, ports and volumes that two projects would both have."""
    return {
        "name": "shop",
        "services": {
            "api": {
                "image": "api:1",
                "build": {"context": "/here"},
                "container_name": "api",
                "ports": [{"target": 3000, "published": "3000"}],
                "depends_on": {"db": {"condition": "service_healthy"}, "loader": {"condition": "x"}},
                "links": ["ollama:llm", "db"],
                "networks": {"default": None},
            },
            "db": {"image": "db:1", "ports": ["5432:5432"], "volumes": ["data:/data"]},
            "ollama": {
                "image": "ollama:1",
                "container_name": "the-model",
                "networks": {"default": {"aliases": ["llm"]}, "outside": None},
                "volumes": [{"type": "volume", "source": "models", "target": "/models"}],
            },
            "loader": {"image": "ollama:1", "depends_on": ["ollama"], "profiles": ["load"]},
        },
        "volumes": {"data": {"name": "shop_data"}, "models": {"name": "models"}, "other": {}},
        "networks": {"default": {"name": "shop_default"}, "outside": {"name": "outside", "external": True}},
    }


def test_no_name_and_no_port_remains_that_two_projects_would_share() -> None:
    """Declared services get the chosen port; caches and external networks keep their names."""
    kept = ["api", "db", "ollama"]
    isolated = isolate(
        make_config(), kept, COMPOSE, images={"api": "new:2"}, ports={"api": 40001, "model": 40002}
    )
    assert "name" not in isolated
    services = isolated["services"]
    assert list(services) == kept
    assert services["api"]["ports"] == ["127.0.0.1:40001:3000"]
    assert services["ollama"]["ports"] == ["127.0.0.1:40002:11434"]
    assert "ports" not in services["db"]
    assert (services["api"]["image"], services["api"]["pull_policy"]) == ("new:2", "never")
    assert not any("container_name" in service or "build" in service for service in services.values())
    assert isolated["volumes"] == {"data": {}, "models": {"name": "models"}}
    assert isolated["networks"] == {"default": {}, "outside": {"name": "outside", "external": True}}


def test_references_to_services_that_are_left_out_are_removed() -> None:
    """Dependencies of both forms, and links."""
    isolated = isolate(make_config(), ["api", "db"], COMPOSE, images={}, ports={})
    assert isolated["services"]["api"]["depends_on"] == {"db": {"condition": "service_healthy"}}
    assert isolated["services"]["api"]["links"] == ["db"]
    alone = isolate(make_config(), ["loader"], COMPOSE, images={}, ports={})
    assert alone["services"]["loader"]["depends_on"] == []


def test_the_original_file_does_not_change() -> None:
    """Another version is made of the same file."""
    config = make_config()
    isolate(config, ["api"], COMPOSE, images={"api": "x"}, ports={"api": 1})
    assert config == make_config()


def test_profiles_choose_the_services_and_dependencies_follow() -> None:
    """A loader needs its server."""
    config = make_config()
    assert active_services(config, []) == ("api", "db", "ollama")
    assert active_services(config, ["load"]) == ("api", "db", "ollama", "loader")
    assert add_dependencies(config, ["loader"]) == ("ollama", "loader")


def test_a_shared_service_has_all_of_its_names_in_each_network() -> None:
    """Its service, its container, its aliases and its links; an external network needs no connection."""
    assert list_aliases(make_config(), "ollama") == {"default": ["ollama", "the-model", "llm"]}
    assert list_aliases(make_config(), "db") == {"default": ["db"]}
    config = make_config()
    config["services"]["ollama"] = {"networks": ["back"]}
    assert list_aliases(config, "ollama") == {"back": ["ollama", "llm"]}
    config["services"]["ollama"] = {"network_mode": "host"}
    assert list_aliases(config, "ollama") == {}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"services": {"api": {"network_mode": "host"}}}, "service 'api' uses the network of this machine"),
        (
            {"networks": {"default": {"ipam": {"config": [{"subnet": "10.9.0.0/24"}]}}}},
            "network 'default' has a fixed range of addresses",
        ),
        ({"networks": {"default": {"ipam": {}}, "unused": {"ipam": {"config": [1]}}}}, None),
    ],
)
def test_a_range_of_addresses_or_the_machines_network_is_a_conflict(
    change: dict[str, Any], reason: str | None
) -> None:
    """Then only one of two versions can be up."""
    assert find_conflict(make_config() | change, ["api"]) == reason


def test_equal_services_of_two_folders_have_equal_descriptions() -> None:
    """Another image, another setting or another volume is a difference; other services are none."""

    def describe(config: dict[str, Any], folder: str) -> str:
        return describe_services(config, ["ollama"], COMPOSE, folder)

    old, new = make_config(), make_config()
    old["services"]["ollama"]["volumes"] = ["/old/tree/conf:/conf"]
    new["services"]["ollama"]["volumes"] = ["/new/conf:/conf"]
    new["services"]["api"]["image"] = "api:2"
    assert describe(old, "/old/tree") == describe(new, "/new")
    assert json.loads(describe(old, "/old/tree"))["services"].keys() == {"ollama"}
    new["services"]["ollama"]["image"] = "ollama:2"
    assert describe(old, "/old/tree") != describe(new, "/new")
