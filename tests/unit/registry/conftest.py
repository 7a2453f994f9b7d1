"""A layout written by hand, as any tool may have left it, and a client of the registry over it."""

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from osie.registry import app

TYPE = "application/vnd.oci.image.manifest.v1+json"


@dataclass
class Folder:
    """The layout, and what puts images into it."""

    path: Path

    def blob(self, content: bytes) -> str:
        """Store a blob; returns its digest."""
        digest = hashlib.sha256(content).hexdigest()
        (self.path / "blobs/sha256").mkdir(parents=True, exist_ok=True)
        (self.path / "blobs/sha256" / digest).write_bytes(content)
        return f"sha256:{digest}"

    def manifest(self, text: str) -> str:
        """Store a manifest; returns its digest."""
        return self.blob(json.dumps({"schemaVersion": 2, "mediaType": TYPE, "text": text}).encode())

    def index(self, refs: dict[str, str]) -> None:
        """Write index.json: name:tag -> digest."""
        entries = [
            {
                "mediaType": TYPE,
                "digest": digest,
                "size": 1,
                "annotations": {"org.opencontainers.image.ref.name": ref},
            }
            for ref, digest in refs.items()
        ]
        new = self.path / "index.json.new"
        new.write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))
        new.replace(self.path / "index.json")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An empty layout."""
    return Folder(tmp_path)


@pytest.fixture
async def client(folder: Folder) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    """A client of the registry over the layout."""
    async with TestClient(TestServer(app.create(folder.path))) as client:
        yield client
