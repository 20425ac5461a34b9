import pytest

from bench.errors import ConfigError
from bench.measure.cluster.access import SchedulerAccess
from bench.measure.cluster.cluster import Cluster, ClusterWorker
from bench.measure.cluster.versions import read_card
from bench.measure.run.generators import check_reach, is_loopback
from bench.usecases.generators import choose_generators

HERE = ClusterWorker("w1", "tcp://10.0.0.5:1", read_card(), shares_loopback=True)
ELSEWHERE = ClusterWorker("w2", "tcp://10.0.0.6:1", read_card(), shares_loopback=False)


def _cluster(*workers: ClusterWorker) -> Cluster:
    return Cluster(SchedulerAccess("lab"), workers)


@pytest.mark.parametrize("url", ["http://127.0.0.1:80", "http://localhost/chat", "https://[::1]:8443"])
def test_a_worker_on_another_machine_needs_an_address_of_the_stack(url: str) -> None:
    """Before the stack starts, the error names the first worker that cannot reach it; others may be here."""
    with pytest.raises(ConfigError, match="worker 'w2' is on another machine") as caught:
        check_reach(_cluster(HERE, ELSEWHERE), ["http://10.0.0.9", url])
    assert "--url" in str(caught.value.hint)
    check_reach(_cluster(HERE), [url])
    check_reach(_cluster(HERE, ELSEWHERE), ["http://10.0.0.9:3000", "http://stack.example"])


def test_a_name_is_loopback_only_if_it_is_localhost() -> None:
    """Other names may be addresses of any machine."""
    assert not is_loopback("http://stack.example:80")


@pytest.mark.parametrize("text", ["abc", "0", "65", "-1", "1.5", "²", "tcp://lab:8786"])
def test_another_text_is_no_choice_of_load_generators(text: str) -> None:
    """The hint has both forms."""
    with pytest.raises(ConfigError, match="neither a number from 1 to 64") as caught:
        choose_generators(text)
    assert "dask://" in str(caught.value.hint)
    assert choose_generators("4") == choose_generators(4) == (4, None)
