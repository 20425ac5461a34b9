import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
REQUEST = Path("bench/core/samples/request.py")
FIELD = '''    second_token_s: Annotated[float | None, Moment(token=1)] = None
    """When the second piece of text of a streamed response was read; null if none came."""
'''
METRIC = """
    Metric(
        key="t2nd_ms",
        label="time to second token",
        unit="ms",
        description="Time from the planned start to the second text of a streamed response.",
        formula="second_token_s - scheduled_s",
        values=_time_between("scheduled_s", "second_token_s"),
    ),
"""
# Takes a request with three pieces of text through everything that is derived from the declaration.
PROGRAM = """
import json
from bench.core.run.recording import request_line, request_line_model
from bench.core.samples.metrics import METRICS
from bench.core.samples.request import RequestSample, token_moments
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import SampleLog, Samples
from bench.render.samples_csv import render_samples

moments = token_moments([10.5, 10.75, 11.0], origin_s=10.0)
sample = RequestSample(0, 0, 0, "greeting", 0.25, 1.0, Outcome.OK, **moments)
samples = Samples.of([sample])
print(json.dumps({
    "columns": list(SampleLog().columns),
    "csv": "".join(render_samples([samples], ())).splitlines(),
    "schema": request_line_model().model_json_schema()["properties"],
    "line": request_line(samples[0]),
    "shifted": samples.shift(1.0)[0].second_token_s,
    "t2nd_ms": METRICS["t2nd_ms"].values(samples).tolist(),
    "one_token": token_moments([10.5], origin_s=10.0),
}))
"""


def test_a_metric_of_new_data_is_added_in_one_file(tmp_path: Path) -> None:
    """Columns, the CSV head, the lines of files and their schema get the new time."""
    shutil.copytree(ROOT / "bench", tmp_path / "bench", ignore=shutil.ignore_patterns("__pycache__"))
    text = (tmp_path / REQUEST).read_text(encoding="utf-8")
    after_field = "    last_token_s: "
    after_metrics = "\n)\n"
    assert text.count(after_field) == 1
    assert text.endswith(after_metrics)
    text = text.removesuffix(after_metrics) + METRIC.rstrip() + after_metrics
    text = text.replace(after_field, FIELD + after_field)
    (tmp_path / REQUEST).write_text(text, encoding="utf-8")
    program = [sys.executable, "-c", PROGRAM]
    result = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    seen = json.loads(result.stdout)
    assert "second_token_s" in seen["columns"]
    head, row = (line.split(",") for line in seen["csv"])
    cells = dict(zip(head, row, strict=True))
    assert (cells["second_token_s"], cells["t2nd_ms"]) == ("0.750000", "500.000")
    assert all(field.get("description") for field in seen["schema"].values())
    assert seen["schema"]["second_token_s"]["description"].startswith("When the second piece of text")
    assert seen["line"]["second_token_s"] == 0.75
    assert seen["shifted"] == 1.75
    assert seen["t2nd_ms"] == [500.0]
    assert seen["one_token"] == {"first_token_s": 0.5, "last_token_s": 0.5}
