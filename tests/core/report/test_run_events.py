from bench.core.faults.fault_effects import FaultEffect
from bench.core.report.run_events import EventKind, run_events
from bench.core.run.stalls import TargetStall
from bench.core.samples.sample import Probe, Stall


def test_an_outage_lasts_until_the_next_successful_probe() -> None:
    """Each check has its own outages, and an outage without a later success lasts to the end."""
    probes = [Probe(at_s=float(at), check="agent", up=at not in {3, 4}) for at in range(10)]
    probes += [Probe(at_s=float(at), check="model", up=at < 8) for at in reversed(range(10))]
    events = run_events((), probes, (), (), 31.0)
    assert [(event.label, event.start_s, event.end_s) for event in events] == [
        ("agent down", 3.0, 5.0),
        ("model down", 8.0, 31.0),
    ]


def test_events_are_in_the_order_of_their_start() -> None:
    """Stalls, pauses and faults share one list, whatever their kind."""
    fault = FaultEffect(name="kill agent", planned_s=8.0, instances=("agent",), began_s=8.1, lost=18)
    stall = TargetStall(start_s=12.1, end_s=13.4, waiting=4)
    pause = Stall(at_s=3.0, length_s=0.5)
    events = run_events([fault], (), [stall], [pause], 30.0)
    assert [event.kind for event in events] == [EventKind.PAUSE, EventKind.FAULT, EventKind.STALL]
    assert [event.sentence for event in events] == [
        "load generator paused 3.0 to 3.5 s: requests of this time look slow",
        "kill agent 8.1 to 30.0 s: declared by the scenario, 18 requests lost",
        "stall 12.1 to 13.4 s: 4 requests waited",
    ]


def test_a_fault_that_did_not_happen_is_no_event() -> None:
    """Only a fault with a start explains a curve."""
    fault = FaultEffect(name="kill agent", planned_s=8.0, instances=("agent",))
    assert run_events([fault], (), (), (), 30.0) == ()


def test_a_pause_from_before_the_start_begins_at_0() -> None:
    """A pause that began in the warm-up is drawn from the start of the run."""
    (event,) = run_events((), (), (), [Stall(at_s=-1.0, length_s=2.0)], 30.0)
    assert (event.start_s, event.end_s) == (0.0, 1.0)
