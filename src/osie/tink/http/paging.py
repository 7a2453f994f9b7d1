"""Pages and streams, as every list of the HTTP API answers them."""

import base64
import binascii
import json
from typing import Annotated, Any

from fastapi import Header, Query
from fastapi.responses import Response, StreamingResponse

from osie.core.storable import unstorable
from osie.tink.domain.views import Json
from osie.tink.http import forms
from osie.tink.service.event_streams import Source, follow
from osie.tink.service.queries import Page
from osie.tink.service.service import Tink

_MOST = 2**63 - 1  # what the store's ids hold

Limit = Annotated[int, Query(ge=1, le=1000, description="items in a page")]
Continue = Annotated[str | None, Query(alias="continue", description="from the page before")]
Follow = Annotated[bool, Query(description="stay, and get what happens as server-sent events")]
LastId = Annotated[
    int | None, Header(alias="Last-Event-ID", ge=0, le=_MOST, description="go on behind this id")
]
Responses = dict[int | str, dict[str, Any]]

PROBLEM: Responses = {
    400: {"model": forms.Problem, "description": "an argument that can't be meant"},
    404: {"model": forms.Problem, "description": "there is no such thing"},
}
STREAM: Responses = {
    **PROBLEM,
    204: {"description": "followed: there is nothing behind the id, and nothing will come"},
    200: {"content": {"text/event-stream": {"example": 'id: 7\ndata: {"id": 7, "at": 1767225600.0}\n\n'}}},
}


def key(token: str | None, parts: int) -> tuple[str, ...]:
    """What the token of `answer` stands for; empty strings for none. Raises ValueError."""
    if token is None:
        return ("",) * parts
    try:
        found = json.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise ValueError("continue: not a token of ours") from error
    is_ours = isinstance(found, list) and len(found) == parts and all(isinstance(part, str) for part in found)
    if not is_ours or unstorable(found):
        raise ValueError("continue: not a token of this list")
    return tuple(found)


def answer(page: Page) -> Json:
    """A page's answer."""
    token = None
    if page.after is not None:
        token = base64.urlsafe_b64encode(json.dumps(page.after).encode()).decode()
    return {"items": page.items, "continue": token}


async def numbered(source: Source, last: int | None, token: str | None, limit: int) -> Json:
    """A page of rows with ids, behind the id `last` or the page before."""
    (told,) = key(token, 1)
    if told and not (told.isascii() and told.isdecimal() and int(told) <= _MOST):
        raise ValueError("continue: not a token of this list")
    items = await source.fetch(int(told) if told else last or 0, limit + 1)
    after = (str(items[limit - 1]["id"]),) if len(items) > limit else None
    return answer(Page(items[:limit], after))


async def stream(tink: Tink, source: Source, after: int | None) -> Response:
    """All there is behind the id `after`, and then what happens; 204 where there will be nothing.

    A browser's EventSource takes the end of a stream for a cut, and asks again; 204 ends that (WHATWG HTML).
    """
    if await source.ended() and not await source.fetch(after or 0, 1):
        return Response(status_code=204)
    return StreamingResponse(
        follow(tink.notifier, source, after or 0),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store"},
    )
