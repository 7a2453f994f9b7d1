"""What an engine says of an image that it refuses, as an operator reads it."""

from pathlib import Path

import pytest
from aiohttp import web

from osie.contracts.image_name import Credentials
from osie.core.errors import chain
from osie.worker.runtime.engine import Engine, EngineError
from osie.worker.runtime.images import DockerImages


async def test_a_refused_image_is_named(tmp_path: Path) -> None:
    """Docker 26 (Debian 13) doesn't name the image whose reference is invalid: we do, and keep its words."""

    async def refuse(request: web.Request) -> web.Response:
        return web.json_response({"message": "invalid reference format"}, status=400)

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", refuse)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "socket")).start()
    images = DockerImages(Engine(str(tmp_path / "socket")), Credentials("", "", ""))
    with pytest.raises(EngineError) as caught:
        await images.have("registry/absent@sha256:nonsense")
    assert ": ".join(chain(caught.value)).startswith("can't have the image registry/absent@sha256:nonsense: ")
    assert chain(caught.value)[-1].endswith("invalid reference format")
    assert caught.value.status == 400
    await runner.cleanup()
