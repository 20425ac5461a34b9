"""Connects the client of GitHub with the fake in one process, which is faster than a server."""

import json
from io import BytesIO
from typing import Any

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from tests.publish.fake_github import FakeGitHub


class Direct(BaseAdapter):
    """Carries the requests of any session to a fake."""

    def __init__(self, github: FakeGitHub) -> None:
        super().__init__()
        self._github = github

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Return the fake's response to a request."""
        body = json.loads(request.body) if request.body else None
        reply = self._github.respond(str(request.method), request.path_url, body, request.headers)
        response = requests.Response()
        response.status_code = reply.status
        response.headers = CaseInsensitiveDict(reply.headers)
        response.raw = BytesIO(reply.body)
        response.url = str(request.url)
        response.request = request
        return response

    def close(self) -> None:
        """Close nothing."""
