"""What two versions share, and whose error an error is."""

import pytest

from bench.errors import BaseUnavailableError, ConfigError, StoreError, TargetError
from bench.measure.run.conditions import Conditions, Listener
from bench.measure.run.two_versions import blame_base, find_version_conflict, name_head
from tests.measure.fake_docker import FakeDocker
from tests.measure.stacks.test_compose import make_stack


def test_an_error_of_the_base_is_no_failure_of_the_head() -> None:
    """It keeps its hint, its service and the exit code; other errors stay as they are."""
    with pytest.raises(BaseUnavailableError) as caught, blame_base("main"):
        raise TargetError("service 'agent' ended", "read the log", service="agent", service_exit_code=137)
    assert caught.value.message == "main: service 'agent' ended"
    assert (caught.value.hint, caught.value.service) == ("read the log", "agent")
    assert caught.value.service_exit_code == 137
    with pytest.raises(BaseUnavailableError, match=r"^main: no compose file$"), blame_base("main"):
        raise ConfigError("no compose file")
    with pytest.raises(BaseUnavailableError, match=r"^nothing to build$"), blame_base("main"):
        raise BaseUnavailableError("nothing to build")
    with pytest.raises(StoreError), blame_base("main"):
        raise StoreError("the disk is full")


def test_an_error_of_the_head_has_its_name() -> None:
    """It stays an error of the target."""
    with (
        pytest.raises(TargetError) as caught,
        name_head("this folder"),
    ):
        raise TargetError("service 'agent' ended")
    assert caught.value.message == "this folder: service 'agent' ended"
    assert not isinstance(caught.value, BaseUnavailableError)


def test_a_service_on_the_machines_network_allows_one_version_at_a_time(fake: FakeDocker) -> None:
    """A shared service does not count, because it is up once."""

    def find(**changes: object) -> str | None:
        stack = make_stack(**changes)
        return find_version_conflict(stack, stack, Conditions(), Listener())

    assert find() is None
    fake.config["services"]["db"]["network_mode"] = "host"
    fake.write()
    assert find() == "service 'db' uses the network of this machine"
    assert find(shared=["db"]) is None
