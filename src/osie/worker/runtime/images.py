"""The images of actions: fetched when they are needed, and gone when they aren't, for they take RAM.

Which ones came with actions is noted in a file before they are fetched, so that a worker that was killed
leaves none behind: its successor, or the next one's, removes them.
"""

import asyncio
import time
from pathlib import Path

from osie.contracts.image_name import Credentials, with_tag
from osie.core.errors import chain
from osie.core.files import write_atomically
from osie.worker.backoff import Backoff
from osie.worker.log import tell
from osie.worker.runtime import storage
from osie.worker.runtime.engine import Engine, EngineError, EngineUnreachable

_RETRY_S = 60.0  # a registry restarts in less
_FINAL_STATUSES = {400, 401, 403, 404}  # trying again won't help
# Podman answers 500 to everything, and an error within a pull's progress has no status. The words are the
# registry's (distribution's API errors), and the engines' own of a digest that isn't the image's.
_FINAL_WORDS = (
    "unauthorized",
    "denied",
    "no basic auth credentials",
    "manifest unknown",
    "name unknown",
    "not found",
    "invalid reference",
    "verification failed",
    "does not match",
    "invalid tar header",
)
# What Docker before 23.0 says to a layer that zstd compressed; all of ours are.
_TOO_OLD = "invalid tar header"


class DockerImages:
    """The images of one engine."""

    def __init__(self, engine: Engine, credentials: Credentials, noted: Path | None = None) -> None:
        """`noted`: the file of their names; without one, a killed worker's images stay."""
        self._engine = engine
        self._credentials = credentials
        self._noted = noted if noted is not None and noted.parent.is_dir() else None
        self._pulled = self._read()

    async def have(self, image: str) -> None:
        """Pull the image unless the machine has it: it was embedded, or the action before had the same.

        Raises EngineError; EngineUnreachable where it is the engine that doesn't answer.
        """
        if await self._has(image):
            return
        self._note(self._pulled | {image})
        backoff, give_up_at = Backoff(), time.monotonic() + _RETRY_S
        began = time.monotonic()
        while True:
            try:
                await self._engine.pull(image, self._credentials.for_image(image))
            except EngineUnreachable:
                raise
            except EngineError as error:
                if _is_final(error) or time.monotonic() > give_up_at:
                    why = ": this engine can't read zstd layers (Docker can from 23.0 on)"
                    told = f"can't pull the image {image}{why if _TOO_OLD in str(error) else ''}"
                    raise EngineError(told, status=error.status) from error
                tell("pull_failed", image=image, reason=": ".join(chain(error)))
                await asyncio.sleep(backoff.next_s())
                continue
            tell("image_pulled", image=image, seconds=time.monotonic() - began)
            return

    async def _has(self, image: str) -> bool:
        try:
            return await self._engine.has_image(image)
        except EngineUnreachable:
            raise
        except EngineError as error:  # Docker 26 says "invalid reference format", and not of what
            raise EngineError(f"can't have the image {image}", status=error.status) from error

    async def keep_only(self, image: str) -> None:
        """Remove the images that came with earlier actions, but not this one."""
        for other in sorted(self._pulled - {with_tag(image)}):
            try:
                if await self._engine.has_image(other):
                    await self._engine.remove_image(other)
                    tell("image_removed", image=other)
            except EngineUnreachable:
                return  # the next question finds it again
            except EngineError as error:  # a container uses it: it wasn't ours alone
                tell("image_kept", image=other, reason=str(error))
            self._note(self._pulled - {other})

    def _read(self) -> frozenset[str]:
        try:
            return frozenset(self._noted.read_text().split()) if self._noted is not None else frozenset()
        except OSError:
            return frozenset()

    def _note(self, pulled: frozenset[str]) -> None:
        if pulled == self._pulled:
            return
        self._pulled = pulled
        try:
            if self._noted is not None:
                write_atomically(self._noted, "".join(f"{name}\n" for name in sorted(pulled)))
        except OSError as error:
            tell("images_not_noted", reason=str(error))


def _is_final(error: EngineError) -> bool:
    said = str(error).lower()
    return (
        error.status in _FINAL_STATUSES
        or storage.out_of_space(said)
        or any(words in said for words in _FINAL_WORDS)
    )
