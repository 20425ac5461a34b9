"""The artifact service of a runner for @actions/artifact; the one of act refuses new fields."""

import base64
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

_SERVICE = "/twirp/github.actions.results.api.v1.ArtifactService/"
_BLOB = "/account/container/archive"


def runtime_token(run: int) -> str:
    """Return a token without a signature that names a workflow run, as each job gets one."""
    claims = {"scp": f"Actions.Results:{run}:{run}", "ac": "[]"}
    parts = [{"alg": "none", "typ": "JWT"}, claims]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "none"])


@dataclass
class Artifacts:
    """The stored artifacts, `RUN/NAME/NAME.zip`."""

    folder: Path
    """Folder of the artifacts."""
    url: str = ""
    """Address of the service."""
    blocks: dict[tuple[str, str, str], bytes] = field(default_factory=dict)
    """Parts of uploads by run, name and part."""

    def answer(self, method: str, content: dict[str, Any]) -> dict[str, Any]:
        """Answer a call of the service."""
        run = str(content.get("workflow_run_backend_id", content.get("workflowRunBackendId", "")))
        name = str(content.get("name", ""))
        address = f"{self.url}{_BLOB}?run={run}&name={quote(name)}"
        match method:
            case "CreateArtifact":
                return {"ok": True, "signed_upload_url": address}
            case "FinalizeArtifact":
                return {"ok": True, "artifact_id": "1"}
            case "DeleteArtifact":
                shutil.rmtree(self.folder / run / name, ignore_errors=True)
                return {"ok": True, "artifact_id": "1"}
            case "GetSignedArtifactURL":
                return {"signed_url": address}
            case _:
                return {"artifacts": [self._list(run, file) for file in self.folder.glob(f"{run}/*/*.zip")]}

    def put(self, query: dict[str, str], body: bytes) -> None:
        """Store a part of an upload, or join its parts to the archive."""
        run, name = query["run"], query["name"]
        match query.get("comp"):
            case "block":
                self.blocks[run, name, query["blockid"]] = body
                return
            case "blocklist":
                ids = re.findall(r"<(?:Latest|Uncommitted|Committed)>([^<]+)<", body.decode())
                body = b"".join(self.blocks.pop((run, name, identity)) for identity in ids)
        file = self._file(run, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)

    def get(self, query: dict[str, str]) -> bytes:
        """Return an archive."""
        return self._file(query["run"], query["name"]).read_bytes()

    def _file(self, run: str, name: str) -> Path:
        return self.folder / run / name / f"{name}.zip"

    @staticmethod
    def _list(run: str, file: Path) -> dict[str, Any]:
        fields = {"workflow_run_backend_id": run, "workflow_job_run_backend_id": run, "database_id": "1"}
        return fields | {"name": file.stem, "size": str(file.stat().st_size)}


@contextmanager
def storing(artifacts: Artifacts) -> Iterator[Artifacts]:
    """Serve the artifacts on loopback inside the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            if parts.path.startswith(_SERVICE):
                value = artifacts.answer(parts.path.removeprefix(_SERVICE), json.loads(body))
                self._send(200, json.dumps(value).encode(), "application/json")
            elif self.command == "PUT":
                artifacts.put(query, body)
                self._send(201, b"", "application/xml")
            else:
                self._send(200, artifacts.get(query), "application/zip")

        def _send(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = _handle  # noqa: N815 - so spelt by http.server

        def log_message(self, *_: Any) -> None:
            """Write no log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    artifacts.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield artifacts
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
