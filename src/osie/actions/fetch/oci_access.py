"""What a registry wants to see: nothing, a name and a password, or a token from its token server.

The challenge names the token server (https://distribution.github.io/distribution/spec/auth/token/, RFC 9110).
"""

import base64
import json
import re
import threading
import urllib.parse
from collections.abc import Mapping
from typing import NamedTuple

from osie.actions.fetch.answer import get
from osie.actions.fetch.connection import Connection
from osie.actions.fetch.source import SourceError, shown

_TOKEN_BYTES_MAX = 1 << 20
_PARAMETER = re.compile(r'([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


class Credentials(NamedTuple):
    """REGISTRY_USERNAME and REGISTRY_PASSWORD."""

    username: str
    password: str

    def __repr__(self) -> str:
        """Without the password: it may get into a log."""
        return f"Credentials(username={self.username!r})"

    @property
    def basic(self) -> str:
        """As an Authorization header."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


class RegistryAccess:
    """Answers a registry's challenges for one repository. Used by several threads."""

    def __init__(self, scheme: str, repository: str, credentials: Credentials | None, stall_s: float) -> None:
        self._scheme = scheme
        self._scope = f"repository:{repository}:pull"
        self._credentials = credentials
        self._stall_s = stall_s
        self._authorization = ""
        self._changing = threading.Lock()

    def headers(self) -> Mapping[str, str]:
        """What to send with a request."""
        return {"Authorization": self._authorization} if self._authorization else {}

    def renew(self, challenge: str) -> bool:
        """Do what the registry asks for. False where it asks for what we haven't got, or refused already."""
        with self._changing:
            old = self._authorization
            scheme = challenge.split(" ", 1)[0].lower()
            if "bearer" in challenge.lower():
                parameters = {key.lower(): a or b for key, a, b in _PARAMETER.findall(challenge)}
                self._authorization = f"Bearer {self._token(parameters)}"
                return True  # tokens live for minutes: a new one is worth a try at any time
            if scheme == "basic" and self._credentials is not None:
                self._authorization = self._credentials.basic
            return self._authorization != old

    def _token(self, parameters: Mapping[str, str]) -> str:
        """A token from the server that the challenge names. Raises Interrupted and SourceError."""
        realm = parameters.get("realm", "")
        parts = urllib.parse.urlsplit(realm)
        if parts.scheme not in ("http", "https") or (self._scheme == "https" and parts.scheme == "http"):
            raise SourceError(f"the registry's token server {shown(realm)!r} isn't one to send a password to")
        query = urllib.parse.parse_qsl(parts.query)
        query += [("service", parameters["service"])] if "service" in parameters else []
        query.append(("scope", parameters.get("scope", self._scope)))
        url = urllib.parse.urlunsplit(parts._replace(query=urllib.parse.urlencode(query)))
        private = {"Authorization": self._credentials.basic} if self._credentials else {}
        line = Connection(self._stall_s)
        try:
            answer = get(line, url, {"Accept": "application/json", "Accept-Encoding": "identity"}, private)
            content = b""
            while len(content) <= _TOKEN_BYTES_MAX and (part := answer.receive()):
                content += part
        finally:
            line.hang_up()
        try:
            document = json.loads(content[: _TOKEN_BYTES_MAX + 1])
            token = document.get("token") or document.get("access_token")
        except (ValueError, AttributeError):
            token = None
        if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
            raise SourceError(f"{shown(url)}: the token server answers without a token")
        return token
