"""What a page in the operator's browser may not do, by the requests that browsers make of it."""

import pytest
from starlette.datastructures import Headers

from osie.tink.http.browsers import fault, own_names

JSON = "application/json"
OURS = {"localhost", "osie.example"}


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {"host": "127.0.0.1:7080"}, None),
        ("GET", {"host": "[::1]:7080"}, None),
        ("GET", {"host": "LOCALHOST:7080"}, None),
        ("GET", {"host": "osie.example"}, None),
        ("POST", {"host": "10.0.0.1:7080", "content-type": f"{JSON}; charset=utf-8"}, None),
        ("POST", {"host": "osie.example", "content-type": JSON, "origin": "https://osie.example"}, None),
        ("DELETE", {"host": "localhost:7080"}, None),
        ("GET", {"host": "evil.example:7080"}, 421),  # points here by DNS
        ("GET", {"host": "localhost.evil.example"}, 421),
        ("GET", {"host": ""}, 421),
        ("GET", {}, 421),
        ("POST", {"host": "127.0.0.1:7080", "content-type": JSON, "origin": "http://evil.example"}, 403),
        ("POST", {"host": "127.0.0.1:7080", "content-type": JSON, "origin": "null"}, 403),
        ("POST", {"host": "127.0.0.1:7080", "content-type": JSON, "origin": "http://127.0.0.1:8080"}, 403),
        ("GET", {"host": "localhost:7080", "origin": "http://evil.example"}, 403),
        ("POST", {"host": "127.0.0.1:7080"}, 415),  # a form without fields
        ("POST", {"host": "127.0.0.1:7080", "content-type": "text/plain"}, 415),
        ("POST", {"host": "127.0.0.1:7080", "content-type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_only_programs_and_own_pages_may(method: str, headers: dict[str, str], status: int | None) -> None:
    """Addresses and own names pass; other names, pages from elsewhere and changes without JSON do not."""
    found = fault(method, Headers(headers), OURS)
    assert (found and found[0]) == status


def test_this_host_knows_itself() -> None:
    """The server may be asked for by the name of its host, whatever that is."""
    assert "localhost" in own_names()
    assert all(fault("GET", Headers({"host": name}), own_names()) is None for name in own_names())
