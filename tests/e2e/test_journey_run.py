"""`bench run` of a journey with the files that a user writes, against a real server."""

import json
from pathlib import Path

from tests.command import bench
from tests.session_chat import session_chat

SCENARIO = """\
name: visit
purpose: A user logs in, asks in a session, uploads a contract and cleans up.
target: session-chat
prompts: words.yaml
seed: 1
executor: constant-vus
vus: 12
duration: 1500ms
think_time: 50ms..100ms
data: {rows: users.csv, order: unique}
login:
  request: {method: POST, path: /login, json: {email: "${row.email}", password: "${row.password}"}}
  save: {token: access_token}
  expires_in: expires_in
steps:
  - name: open-session
    request: {method: POST, path: /sessions, json: {title: "load ${user.number}"}}
    expect: {status: 201}
    save: {id: session.id}
  - name: ask
    messages: 2
  - name: upload
    request: {method: POST, path: /files, multipart: {file: {file: contract.pdf}, note: "${uuid}"}}
    expect: {status: 201}
    tags: {area: files}
  - name: close
    request: {method: DELETE, path: "/sessions/${saved.id}"}
    always: true
thresholds:
  success_ratio: [rate>0.99]
  "e2e_ms{step:open-session}": [p(95)<60000]
  "success_ratio{area:files}": [rate>1]
"""
TARGET = """\
name: session-chat
service: app
path: /sessions/${saved.id}/messages
body: {text: "${message}"}
answer: {kind: json, text: answer}
"""
WORDS = """\
messages:
  - {id: short, text: Hello}
  - {id: long, text: "How do I create a form?"}
"""


def write_files(folder: Path) -> None:
    """Write the scenario, its target, its messages, 1,000 users and a contract."""
    (folder / "targets").mkdir()
    (folder / "visit.yaml").write_text(SCENARIO)
    (folder / "targets" / "session-chat.yaml").write_text(TARGET)
    (folder / "words.yaml").write_text(WORDS)
    (folder / "contract.pdf").write_bytes(b"%PDF" * 1000)
    users = [f"user{number}@example.com,secret-{number}" for number in range(1000)]
    (folder / "users.csv").write_text("\n".join(["email,password", *users]))


def test_users_of_a_file_do_their_journeys(tmp_path: Path) -> None:
    """Each VU of both load generators logs in once with its own row, and nothing is left on the server.

    A threshold of a tag fails the run, and no file of the results has a password.
    """
    write_files(tmp_path)
    with session_chat() as chat:
        options = ("--url", f"app={chat.url}", "--workers", "2", "--no-calibration")
        done = bench("run", "visit.yaml", *options, cwd=tmp_path)
    assert done.code in {1, 5}, done.err  # 5: a busy machine makes a run invalid
    assert chat.logins == {f"user{number}@example.com": 1 for number in range(12)}
    assert not chat.sessions
    assert set(chat.files) == {("contract.pdf", 4000)}
    (folder,) = (tmp_path / "results").iterdir()
    summary = json.loads((folder / "result.json").read_text())["summary"]
    assert set(summary["steps"]) == {"login", "open-session", "ask", "upload", "close"}
    messages = summary["steps"]["ask"]["requests"]
    assert summary["metrics"]["e2e_ms"]["count"] <= messages < summary["requests"]
    assert set(summary["metrics"]["e2e_ms"]["figures"]) == {"short", "long"}
    assert summary["metrics"]["success_ratio"]["count"] == summary["requests"]
    assert "success of files" in done.out
    assert "messages/s" in done.out
    for path in folder.iterdir():
        assert b"secret-" not in path.read_bytes()


def test_a_journey_is_checked_and_planned(tmp_path: Path) -> None:
    """Both commands print the steps."""
    write_files(tmp_path)
    checked = bench("scenarios", "check", "visit.yaml", cwd=tmp_path)
    steps = "steps: login, open-session, ask (2), upload, close"
    assert checked.out == f"visit.yaml: ok; 2 messages, 2 in a deck; {steps}; 1000 rows\n"
    shown = bench("scenarios", "plan", "visit.yaml", cwd=tmp_path).out
    assert "  close                DELETE /sessions/${saved.id}, always" in shown
    assert "VU 1, 0: open-session, " in shown
