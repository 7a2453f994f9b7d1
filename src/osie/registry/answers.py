"""What the registry says when it isn't content: the specification's errors, and pages of names."""

import bisect
import json
from collections.abc import Iterable
from urllib.parse import urlencode

from aiohttp import web


class Refusal(Exception):
    """An error of distribution-spec 1.1, "Error Codes"."""

    def __init__(self, status: int, code: str, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail

    def response(self) -> web.Response:
        """The error as clients expect it."""
        error = {"code": self.code, "message": self.message, "detail": self.detail}
        headers = {"Allow": "GET, HEAD"} if self.status == 405 else {}
        return json_response({"errors": [error]}, status=self.status, headers=headers)


def json_response(value: object, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """An answer in JSON."""
    content = json.dumps(value).encode()
    return web.Response(body=content, status=status, content_type="application/json", headers=headers)


def page(request: web.Request, key: str, names: Iterable[str], **more: str) -> web.Response:
    """A list of names, sorted; `n` and `last` of the query cut it, and a Link header names the next page."""
    found = sorted(names)
    last = request.query.get("last", "")
    found = found[bisect.bisect_right(found, last) :] if last else found
    count = _count(request.query.get("n"), len(found))
    headers = {}
    if 0 < count < len(found):
        query = urlencode({"n": count, "last": found[count - 1]})
        headers["Link"] = f'<{request.path}?{query}>; rel="next"'
    return json_response({**more, key: found[:count]}, headers=headers)


def _count(asked: str | None, there_are: int) -> int:
    if asked is None:
        return there_are
    if not (asked.isascii() and asked.isdigit()):
        raise Refusal(400, "PAGINATION_NUMBER_INVALID", "n must be a number of names", asked)
    return min(int(asked[:9]), there_are)
