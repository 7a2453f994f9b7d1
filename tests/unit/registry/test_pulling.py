"""The pulling half of OCI distribution."""

import asyncio
import json
import os
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from aiohttp.web import Application, Request
from structlog.testing import capture_logs

TYPE = "application/vnd.oci.image.manifest.v1+json"
Client = TestClient[Request, Application]
MISSING = "sha256:" + "0" * 64


async def _code(client: Client, path: str, *, method: str = "GET") -> tuple[int, str]:
    """The status and the specification's error code of an answer."""
    async with client.request(method, path) as answer:
        return answer.status, (await answer.json())["errors"][0]["code"]


async def test_a_client_finds_a_registry(client: Client) -> None:
    """/v2/ is there before there is any image, and says which API this is."""
    answer = await client.get("/v2/")
    assert answer.status == 200
    assert answer.headers["Docker-Distribution-API-Version"] == "registry/2.0"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_manifest_by_tag_and_by_digest(folder: Any, client: Client, method: str) -> None:
    """Both give the manifest's bytes, type, length and digest; HEAD gives no body."""
    digest = folder.manifest("one")
    folder.index({"actions/image2disk:latest": digest})
    content = (folder.path / "blobs/sha256" / digest[7:]).read_bytes()
    for reference in ("latest", digest):
        answer = await client.request(method, f"/v2/actions/image2disk/manifests/{reference}")
        assert answer.status == 200
        assert answer.headers["Content-Type"] == TYPE
        assert answer.headers["Docker-Content-Digest"] == digest
        assert answer.headers["Content-Length"] == str(len(content))
        assert await answer.read() == (content if method == "GET" else b"")


async def test_a_manifest_that_is_known_is_not_sent_again(folder: Any, client: Client) -> None:
    """If-None-Match with the digest is answered 304."""
    digest = folder.manifest("one")
    folder.index({"a:latest": digest})
    answer = await client.get("/v2/a/manifests/latest", headers={"If-None-Match": f'"{digest}"'})
    assert answer.status == 304


async def test_a_moved_tag_is_seen_at_once(folder: Any, client: Client) -> None:
    """A changed index.json is read again; the manifest before it can still be had by its digest."""
    first = folder.manifest("one")
    folder.index({"a:latest": first})
    assert (await client.get("/v2/a/manifests/latest")).headers["Docker-Content-Digest"] == first
    second = folder.manifest("two")
    folder.index({"a:latest": second})
    assert (await client.get("/v2/a/manifests/latest")).headers["Docker-Content-Digest"] == second
    assert (await client.get(f"/v2/a/manifests/{first}")).status == 200


async def test_a_damaged_index_keeps_the_last_good_one(folder: Any, client: Client) -> None:
    """Whatever someone writes to index.json, what was served goes on being served, and the log tells."""
    folder.index({"a:latest": folder.manifest("one")})
    assert (await client.get("/v2/a/manifests/latest")).status == 200
    no_digest = json.dumps({"manifests": [{"annotations": {"org.opencontainers.image.ref.name": "a:v1"}}]})
    for damage in ("{", "[]", no_digest, '{"manifests": 3}', "\udcff"):
        (folder.path / "index.json").write_bytes(damage.encode(errors="surrogateescape"))
        with capture_logs() as events:
            assert (await client.get("/v2/a/manifests/latest")).status == 200
        assert "registry.index_unreadable" in [event["event"] for event in events]


async def test_a_blob_whole_and_in_parts(folder: Any, client: Client) -> None:
    """GET, HEAD, a range, the rest from an offset, and a range beyond the end."""
    digest = folder.blob(bytes(range(256)) * 64)
    folder.index({"a:latest": folder.manifest("one")})
    path = f"/v2/a/blobs/{digest}"
    whole = await client.get(path)
    assert await whole.read() == bytes(range(256)) * 64
    assert whole.headers["Docker-Content-Digest"] == digest
    assert whole.headers["Content-Type"] == "application/octet-stream"
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert whole.headers["ETag"]
    head = await client.head(path)
    assert head.headers["Content-Length"] == "16384"
    assert await head.read() == b""
    part = await client.get(path, headers={"Range": "bytes=10-19"})
    assert (part.status, await part.read()) == (206, bytes(range(10, 20)))
    assert part.headers["Content-Range"] == "bytes 10-19/16384"
    rest = await client.get(path, headers={"Range": "bytes=16380-", "If-Range": whole.headers["ETag"]})
    assert (rest.status, await rest.read()) == (206, bytes([252, 253, 254, 255]))
    assert (await client.get(path, headers={"Range": "bytes=99999-"})).status == 416


async def test_names_come_in_pages(folder: Any, client: Client) -> None:
    """n and last cut the lists of tags and repositories, and Link leads through all of them."""
    digest = folder.manifest("one")
    folder.index({f"a:v{n}": digest for n in range(5)} | {"b/c:latest": digest})
    assert await (await client.get("/v2/_catalog")).json() == {"repositories": ["a", "b/c"]}
    whole = await client.get("/v2/a/tags/list")
    assert await whole.json() == {"name": "a", "tags": ["v0", "v1", "v2", "v3", "v4"]}
    assert "Link" not in whole.headers
    seen, path = [], "/v2/a/tags/list?n=2"
    while path:
        answer = await client.get(path)
        seen.append((await answer.json())["tags"])
        path = answer.headers["Link"].split(">")[0][1:] if "Link" in answer.headers else ""
    assert seen == [["v0", "v1"], ["v2", "v3"], ["v4"]]
    assert (await (await client.get("/v2/a/tags/list?n=0")).json())["tags"] == []
    assert await _code(client, "/v2/a/tags/list?n=x") == (400, "PAGINATION_NUMBER_INVALID")


async def test_refusals_are_the_specification_s(folder: Any, client: Client) -> None:
    """Each kind of missing or malformed thing has its own code."""
    folder.index({"a:latest": folder.manifest("one")})
    assert await _code(client, "/v2/b/manifests/latest") == (404, "NAME_UNKNOWN")
    assert await _code(client, "/v2/b/tags/list") == (404, "NAME_UNKNOWN")
    assert await _code(client, "/v2/A/manifests/latest") == (400, "NAME_INVALID")
    assert await _code(client, "/v2/a/manifests/v9") == (404, "MANIFEST_UNKNOWN")
    assert await _code(client, f"/v2/a/manifests/{MISSING}") == (404, "MANIFEST_UNKNOWN")
    assert await _code(client, "/v2/a/manifests/sha256:12") == (400, "DIGEST_INVALID")
    assert await _code(client, f"/v2/a/blobs/{MISSING}") == (404, "BLOB_UNKNOWN")
    assert await _code(client, "/v2/a/blobs/md5:12") == (400, "DIGEST_INVALID")
    assert await _code(client, "/elsewhere") == (404, "UNSUPPORTED")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/v2/a/blobs/uploads/", "/v2/a/manifests/latest", "/v2/"])
async def test_it_takes_nothing(client: Client, method: str, path: str) -> None:
    """Every way to write is refused as unsupported."""
    assert await _code(client, path, method=method) == (405, "UNSUPPORTED")


async def test_a_layer_is_never_read_as_a_manifest(folder: Any, client: Client) -> None:
    """A blob that is no manifest isn't served as one, whatever its size or content."""
    folder.index({"a:latest": folder.manifest("one")})
    for content in (b"\x00" * 100, b"[1]", b'{"mediaType": "text/html"}', b" " * (5 << 20)):
        path = f"/v2/a/manifests/{folder.blob(content)}"
        assert await _code(client, path) == (404, "MANIFEST_UNKNOWN")


@pytest.mark.parametrize(
    "path",
    [
        "/v2/a/blobs/sha256:../../index.json",
        "/v2/a/blobs/sha256:..%2f..%2findex.json",
        "/v2/a/blobs/..%2f..%2findex.json",
        "/v2/a/manifests/..%2findex.json",
        "/v2/..%2f..%2fa/blobs/" + MISSING,
        "/v2/a/blobs/%2e%2e%2f%2e%2e%2foci-layout",
        "/v2/a/blobs/sha256:" + "A" * 64,
        "/v2/a/blobs/" + MISSING + "%00",
        "/v2/a/blobs/" + MISSING + "%0a",
    ],
)
async def test_no_path_leads_out_of_the_blobs(folder: Any, client: Client, path: str) -> None:
    """What isn't a name and a digest is refused before it touches the file system."""
    folder.index({"a:latest": folder.manifest("one")})
    # Sent as it stands: an HTTP client would tidy the path up first.
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: registry\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    assert head.split()[1] in (b"400", b"404")
    (error,) = json.loads(body)["errors"]
    assert error["code"] in ("DIGEST_INVALID", "NAME_INVALID", "MANIFEST_INVALID", "UNSUPPORTED")


async def test_every_answer_is_an_event(folder: Any, client: Client) -> None:
    """The log has the client, the path, the status and the bytes of each answer."""
    digest = folder.blob(b"x" * 1000)
    folder.index({"a:latest": folder.manifest("one")})
    with capture_logs() as events:
        await (await client.get(f"/v2/a/blobs/{digest}")).read()
        await client.get("/v2/none/tags/list")
    told = [event for event in events if event["event"] == "registry.request"]
    assert [(event["status"], event["path"]) for event in told] == [
        (200, f"/v2/a/blobs/{digest}"),
        (404, "/v2/none/tags/list"),
    ]
    assert (told[0]["bytes"], told[0]["ended"], told[0]["remote"]) == (1000, "sent", "127.0.0.1")
    json.dumps(told)  # keys and plain values only


async def test_a_pull_that_broke_off_is_told_as_such(folder: Any, client: Client) -> None:
    """A client that leaves in the middle of a blob shows in the log as cut, not as sent."""
    digest = folder.blob(b"large")
    os.truncate(folder.path / "blobs/sha256" / digest[7:], 256 << 20)  # more than any socket buffers
    folder.index({"a:latest": folder.manifest("one")})
    with capture_logs() as events:
        answer = await client.get(f"/v2/a/blobs/{digest}")
        await answer.content.readexactly(1000)
        answer.close()
        await client.close()  # the server's end waits for all its answers
    told = [event for event in events if event["event"] == "registry.request"]
    assert [(event["status"], event["ended"]) for event in told] == [(200, "cut")]


async def test_an_unreadable_blob_is_a_refusal_too(folder: Any, client: Client) -> None:
    """A layout whose files are broken gives an error in the specification's form, not a page of HTML."""
    digest = folder.manifest("one")
    folder.index({"a:latest": digest})
    blob = folder.path / "blobs/sha256" / digest[7:]
    blob.unlink()
    blob.symlink_to("/proc/self/mem")  # a file that exists, and whose first byte can't be read
    assert await _code(client, "/v2/a/manifests/latest") == (500, "UNKNOWN")
