from bench.core.watch.scaling import ScalingDecision
from bench.render.document.watched import scaling_table


def test_the_report_has_each_change_of_the_number_of_instances() -> None:
    """A change that failed shows the reason instead of its duration."""
    decision = ScalingDecision(
        at_s=12.4, service="model", gauge="model.queue_depth", value=9, before=1, after=2, took_s=1.23
    )
    failed = decision.model_copy(update={"at_s": 40.0, "took_s": None, "problem": "no port is free"})
    assert scaling_table([decision, failed]).rows == (
        ("12 s", "model", "model.queue_depth 9", "1 → 2", "1.2 s"),
        ("40 s", "model", "model.queue_depth 9", "1 → 2", "no port is free"),
    )
    assert not scaling_table([]).rows
