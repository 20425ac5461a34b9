"""`bench probe` on real stacks: with safeguards, without them, and on a model server."""

import json
from pathlib import Path

from junitparser import JUnitXml

from bench.core.probe.probe_rules import RULES
from bench.errors import Exit
from tests.command import bench

# The end of a window of a minute is tested with a server whose window a test can end.
RULE_OPTIONS = [option for rule in RULES if rule != "rate-limit-recovers" for option in ("--rule", rule)]
OFF = """\
extends: embedded-safe
name: unsafe
services:
  backend:
    command: ["${python}", -m, chatstack, backend]
    environment: {RATE_LIMIT_PER_MINUTE: "0", INPUT_CHECK: "0", JWT_KEYS_FILE: "", AUDIT_LOG: "0"}
promises: {rotation: {within: 1s}}
"""
BROKEN = {
    "audit-complete",
    "input-content-type",
    "input-control-characters",
    "rate-limit",
    "rotation-new-key",
}
KEPT = {"auth-expired", "input-empty"}


def test_the_difference_between_safeguards_on_and_off_is_the_findings(tmp_path: Path) -> None:
    """The same promises: kept by the stack with its safeguards, and broken by the stack without them."""
    outputs = ["--out", "text", "--out", "json=on.json", "--out", "junit=on.xml", "--out", "sarif=on.sarif"]
    on = bench("probe", "--stack", "embedded-safe", *RULE_OPTIONS, *outputs, cwd=tmp_path)
    assert on.code == Exit.PASS, on.out + on.err
    assert "no finding" in on.out
    assert JUnitXml.fromfile(str(tmp_path / "on.xml")).failures == 0
    assert json.loads((tmp_path / "on.sarif").read_text())["runs"][0]["results"] == []
    folder = tmp_path / "scenarios" / "stacks"
    folder.mkdir(parents=True)
    (folder / "unsafe.yaml").write_text(OFF)
    rules = [option for rule in BROKEN | KEPT for option in ("--rule", rule)]
    off = bench("probe", "--stack", "unsafe", *rules, "--out", "json=off.json", cwd=tmp_path)
    assert off.code == Exit.REGRESSION, off.out + off.err
    assert findings(tmp_path / "off.json") == BROKEN
    assert not list(tmp_path.glob(".bench/users/*")), "the test users are removed"


def findings(file: Path) -> set[str]:
    """Return the broken rules of a report."""
    results = json.loads(file.read_text())["results"]
    return {result["rule"] for result in results if result["status"] == "finding"}
