"""Cut the operations that bench uses out of GitHub's description of its API.

python -m tests.publish.contract.cut FOLDER   # FOLDER: the unpacked package @octokit/openapi of npm
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("operations.json")
SOURCE = "generated/api.github.com.json"
REPOSITORY = "/repos/{owner}/{repo}"
OPERATIONS = """
GET /user
GET /repos/{owner}/{repo}
GET /repos/{owner}/{repo}/pulls
POST /repos/{owner}/{repo}/pulls
GET /repos/{owner}/{repo}/pulls/{pull_number}
GET /repos/{owner}/{repo}/pulls/{pull_number}/files
GET /repos/{owner}/{repo}/commits
GET /repos/{owner}/{repo}/commits/{ref}
GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls
GET /repos/{owner}/{repo}/commits/{ref}/check-runs
GET /repos/{owner}/{repo}/commits/{ref}/statuses
GET /repos/{owner}/{repo}/compare/{basehead}
GET /repos/{owner}/{repo}/contents/{path}
GET /repos/{owner}/{repo}/collaborators/{username}/permission
GET /repos/{owner}/{repo}/issues
POST /repos/{owner}/{repo}/issues
PATCH /repos/{owner}/{repo}/issues/{issue_number}
GET /repos/{owner}/{repo}/issues/{issue_number}/comments
POST /repos/{owner}/{repo}/issues/{issue_number}/comments
POST /repos/{owner}/{repo}/issues/{issue_number}/reactions
PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}
POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions
POST /repos/{owner}/{repo}/check-runs
PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}
POST /repos/{owner}/{repo}/statuses/{sha}
GET /repos/{owner}/{repo}/git/ref/{ref}
POST /repos/{owner}/{repo}/git/refs
PATCH /repos/{owner}/{repo}/git/refs/{ref}
GET /repos/{owner}/{repo}/git/commits/{commit_sha}
POST /repos/{owner}/{repo}/git/commits
POST /repos/{owner}/{repo}/git/trees
GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}
GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs
POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches
GET /repos/{owner}/{repo}/actions/runs/{run_id}
GET /repos/{owner}/{repo}/actions/runs/{run_id}/artifacts
POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun
GET /repos/{owner}/{repo}/actions/artifacts/{artifact_id}/{archive_format}
"""
# Words for people, and whatever the tests do not read.
_DROPPED = frozenset({"description", "example", "examples", "summary", "title", "externalDocs", "deprecated"})
_REFERENCE = re.compile(r'"#/components/(\w+)/([\w.-]+)"')


def cut(package: Path) -> dict[str, Any]:
    """Return the operations with the components that they need, and where they come from."""
    whole = json.loads((package / SOURCE).read_text(encoding="utf-8"))
    operations = {}
    for name in OPERATIONS.split("\n"):
        if name:
            method, path = name.split(" ")
            operations[name] = _operation(whole["paths"][path][method.lower()], whole)
    about = json.loads((package / "package.json").read_text(encoding="utf-8"))
    origin = {
        "package": about["name"],
        "version": about["version"],
        "license": about["license"],
        "file": SOURCE,
    }
    return {"origin": origin, "operations": operations, "components": _components(operations, whole)}


def _operation(operation: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters, the body and the successful responses of an operation."""
    parameters = {}
    for parameter in operation.get("parameters", []):
        resolved = _resolve(parameter, whole)
        parameters[resolved["name"]] = {"in": resolved["in"], "schema": _clean(resolved["schema"])}
    responses = {}
    for status, response in operation["responses"].items():
        if status.startswith(("2", "3")):
            responses[status] = _schema(_resolve(response, whole))
    body = operation.get("requestBody")
    return {"parameters": parameters, "body": _schema(body) if body else None, "responses": responses}


def _resolve(value: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in value:
        return value
    _, _, kind, name = value["$ref"].split("/")
    return dict(whole["components"][kind][name])


def _schema(described: dict[str, Any]) -> Any:
    """Return the schema of a body in JSON; `None` without one."""
    content = described.get("content", {}).get("application/json")
    return _clean(content["schema"]) if content else None


def _clean(schema: Any) -> Any:
    """Return a schema without words for people, in JSON Schema: OpenAPI 3.0 writes null as `nullable`."""
    if isinstance(schema, list):
        return [_clean(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    cleaned: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            cleaned[key] = {name: _clean(entry) for name, entry in value.items()}
        elif key in {"enum", "required", "default"}:
            cleaned[key] = value
        elif key not in _DROPPED and key != "nullable" and not key.startswith("x-"):
            cleaned[key] = _clean(value)
    if not schema.get("nullable"):
        return cleaned
    if "enum" in cleaned:
        cleaned["enum"] = [*(value for value in cleaned["enum"] if value is not None), None]
    if isinstance(cleaned.get("type"), str):
        return cleaned | {"type": [cleaned["type"], "null"]}
    return {"anyOf": [cleaned, {"type": "null"}]} if cleaned else cleaned


def _components(operations: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """Return the schemas to which the operations refer, and those to which these refer."""
    schemas: dict[str, Any] = {}
    open_texts = [json.dumps(operations)]
    for text in open_texts:
        for kind, name in sorted(set(_REFERENCE.findall(text))):
            if name not in schemas:
                schemas[name] = _clean(whole["components"][kind][name])
                open_texts.append(json.dumps(schemas[name]))
    return {"schemas": dict(sorted(schemas.items()))}


if __name__ == "__main__":
    FILE.write_text(json.dumps(cut(Path(sys.argv[1])), indent=None, separators=(",", ":")), encoding="utf-8")
