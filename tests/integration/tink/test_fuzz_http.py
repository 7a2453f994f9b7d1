"""Random requests on the operator's API: none ends in a 5xx, and none takes the server down."""

import asyncio
import base64
import copy
import os
import re
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from osie.tink.http import application
from osie.tink.service.service import Tink

from .conftest import manifests


@pytest.fixture
async def address(tink: Tink) -> AsyncIterator[str]:
    """Of a served API with a machine and its workflow. Streams end at once: nothing follows for ever."""
    await tink.resources.apply(manifests())
    tink.end_streams()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(application.create(tink), log_level="critical", lifespan="off")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([listening]))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/api/v1"
        server.should_exit = True
        await serving


async def test_schemathesis(address: str, url: str, tmp_path: Path) -> None:
    """A thousand requests made of the API's own description, half of them against it: not one 5xx.

    On SQLite each parameter at its borders and beyond; on PostgreSQL, which takes fewer strings, any values.
    """
    extent = ["--phases", "coverage"] if url.startswith("sqlite") else ["--phases", "fuzzing", "-n", "30"]
    checks = ["--checks", "not_a_server_error", "--request-timeout", "30", "--no-shrink"]
    program = Path(sys.executable).with_name("schemathesis")
    process = await asyncio.create_subprocess_exec(
        *(program, "--no-color", "run", f"{address}/openapi.json", "--generation-deterministic"),
        *(*extent, *checks),
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await process.communicate())[0].decode()
    assert process.returncode == 0, output
    made = re.search(r"(\d+) generated, (\d+) passed", output)
    assert made is not None, output
    assert int(made[1]) == int(made[2]) >= 300
    async with httpx.AsyncClient(timeout=20) as client:
        assert (await client.get(f"{address}/healthz")).json() == {"status": "ok"}


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def _places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value below `node`."""
    items = list(node.items()) if isinstance(node, dict) else list(enumerate(node))
    found = [(*path, key) for key, _ in items]
    for key, value in items:
        if isinstance(value, dict | list):
            found += _places(value, (*path, key))
    return found


@st.composite
def spoilt(draw: st.DrawFn) -> str:
    """A Hardware or Workflow that is right but for one to three values, as YAML."""
    sound = draw(
        st.sampled_from([yaml.safe_load(text) for name, text in manifests() if "template" not in name])
    )
    document = copy.deepcopy(sound)
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(_places(document)))
        node = document
        for key in way:
            node = node[key]
        node[last] = draw(_VALUES)
    return yaml.safe_dump(document)


_HOSTILE = [
    *("&a [*a]", "a: &x {b: *x}", "- " * 2000, "{" * 2000, "[" * 30000),
    *('{"a":' * 30000, '{"a": ' + "9" * 5000, '{"a": "\\ud800"}'),
    "a: &a [x]\n" + "".join(f"a{n}: {{<<: [*a, *a]}}\n" for n in range(3)),
    *("%YAML 1.2\n---\n", "!!binary x", "--- !!set {a}\n--- !!omap [a: b]\n--- !<x> y\n"),
]
_HARDWARE_WITH = """\
apiVersion: tinkerbell.org/v1alpha1
kind: Hardware
metadata: {{name: x, labels: {{a: {0}}}}}
spec: {{metadata: {{instance: {0}}}, userData: {0}}}
"""
_HOSTILE_VALUES = [
    *(
        "!!binary aGk=",
        "!!binary /w==",
        "!!set {a}",
        "!!timestamp 2024-01-01",
        "!!omap [a: b]",
        "!!python/none x",
    ),
    *(
        "9" * 5000,
        "0x" + "f" * 5000,
        "1:" * 5000 + "1",
        "0" * 5000,
        "1" + "_" * 5000,
        "1e999",
        ".nan",
        "-.inf",
    ),
    *('"\\0"', '"\\ud800"', '"\\uDC00\\uD800"', "<<", "=", "!", "? {{a: b}}"),
]


async def test_hostile_values_do_no_harm(address: str) -> None:
    """What was made to break readers and databases is applied or refused, and lists are whole thereafter."""
    async with httpx.AsyncClient(timeout=30) as client:
        for text in [*_HOSTILE, *map(_HARDWARE_WITH.format, _HOSTILE_VALUES)]:
            for path in ("apply", "diff"):
                answer = await client.post(f"{address}/{path}", json={"files": [{"name": "f", "text": text}]})
                assert answer.status_code in {200, 422}, (text[:100], answer.text[:500])
            for query in ("", "?labels=a", "?labels=a%3Dhi"):
                assert (await client.get(f"{address}/hardware{query}")).status_code == 200, text[:100]


_TOKENS = ["[" * 30000, '["\\ud800", "a"]', '["\\u0000", "a"]', '["a"]', "9" * 5000, "nonsense"]


async def test_hostile_arguments_are_told_without_the_statement(address: str) -> None:
    """Tokens and filters that can't be meant are 400 or find nothing; no answer tells of SQL."""
    tokens = [base64.urlsafe_b64encode(token.encode()).decode() for token in _TOKENS]
    async with httpx.AsyncClient(timeout=30) as client:
        for token in tokens:
            answer = await client.get(f"{address}/hardware", params={"continue": token})
            assert (answer.status_code, "continue" in answer.json()["detail"]) == (400, True)
        for argument in ("namespace", "prefix", "hardware", "agent"):
            answer = await client.get(f"{address}/workflows", params={argument: "a\0b"})
            assert answer.status_code in {200, 400}
            assert "SELECT" not in answer.text
        bodies = ['{"files": [{"name": "\\ud800", "text": "\\ud800"}]}', "[" * 100_000, "9" * 5000]
        for body in bodies:
            headers = {"Content-Type": "application/json"}
            answer = await client.post(f"{address}/apply", content=body, headers=headers)
            assert answer.status_code in {400, 422}


async def test_spoilt_manifests(address: str) -> None:
    """Manifests with values of any type in any place are applied or refused with reasons."""
    told: set[int] = set()

    def fuzz() -> None:
        with httpx.Client(timeout=30) as client:

            @settings(
                max_examples=100,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate, Phase.shrink],
                suppress_health_check=[HealthCheck.too_slow],
            )
            @given(
                text=spoilt()
                | st.text()
                | st.sampled_from([*_HOSTILE, *map(_HARDWARE_WITH.format, _HOSTILE_VALUES)])
            )
            def send(text: str) -> None:
                answer = client.post(f"{address}/apply", json={"files": [{"name": "f", "text": text}]})
                assert answer.status_code in {200, 409, 422}, answer.text
                assert answer.json()
                told.add(answer.status_code)

            send()

    await asyncio.to_thread(fuzz)
    assert told >= {200, 422}
