"""The images we make: the worker's, and one for each folder below osie/actions."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import osie
from osie.core import imports
from osie.core.cache import BuildProgress, Cache
from osie.core.debian import EPOCH
from osie.oci import base, document, extras, layer
from osie.oci import layout as folder_layout
from osie.oci.base import Base
from osie.oci.interpreter import Interpreter
from osie.oci.layer import Layer

WORKER = "tink-worker:latest"
_PYTHON_PATH = "usr/lib/osie/python"


@dataclass(frozen=True)
class Recipe:
    """What one image is: its name, the module it runs, and which of our files it holds."""

    ref: str
    module: str
    files: tuple[str, ...]  # relative to the `osie` package's folder, sorted
    packages: extras.Wanted = frozenset()  # what it needs of Debian besides the base


@dataclass(frozen=True)
class BuiltImage:
    """An image: its documents as a registry has them, and its layers in the build cache, the lowest first."""

    ref: str
    manifest: bytes
    config: bytes
    layers: tuple[Layer, ...]

    @property
    def manifest_digest(self) -> str:
        """What a registry names the image by."""
        return layer.digest_of(self.manifest)

    @property
    def config_digest(self) -> str:
        """What Docker calls the image's ID."""
        return layer.digest_of(self.config)

    @property
    def size(self) -> int:
        """Bytes that a pull of all layers takes."""
        return sum(part.size for part in self.layers)


def build_all(
    *, layout: Path, cache: Cache, progress: BuildProgress, source: Path | None = None, mirror: str = ""
) -> list[BuiltImage]:
    """Fill `layout` with the worker's image and one of each action; what hasn't changed isn't rebuilt.

    `source` is the folder of the `osie` package, ours where it's None. The layout holds these images and no
    others then; what the index before this one names stays readable until the next change. Another build may
    fill it with others at any time: who goes on with these images goes by what is returned.
    """
    cache = replace(cache, progress=progress)
    package = source if source is not None else Path(osie.__file__).parent
    foundation = base.build(cache, mirror=mirror)
    wanted = recipes(package)
    between = extras.build(
        {recipe.ref: recipe.packages for recipe in wanted}, foundation, cache, mirror=mirror
    )
    images = [_build(recipe, package, foundation, between[recipe.ref], cache) for recipe in wanted]
    publish(layout, images)
    return images


def publish(target: Path, images: Sequence[BuiltImage]) -> None:
    """Make the layout `target` hold these images and no others."""
    files = {part.digest: part.packed for image in images for part in image.layers}
    documents = {layer.digest_of(text): text for image in images for text in (image.manifest, image.config)}
    descriptors = [
        document.reference(image.ref, image.manifest_digest, len(image.manifest), base.ARCHITECTURE)
        for image in images
    ]
    folder_layout.publish(target, descriptors, files=files, documents=documents)


def recipes(package: Path) -> list[Recipe]:
    """What there is to build: the worker, and every action that can be run."""
    found = [_recipe(package, WORKER, "worker")]
    for entry in sorted((package / "actions").glob("*/__main__.py")):
        name = entry.parent.name
        found.append(_recipe(package, f"actions/{name.replace('_', '-')}:latest", f"actions/{name}"))
    return found


def _recipe(package: Path, ref: str, folder: str) -> Recipe:
    """The program in `folder`: all that is in there, and what that imports of ours."""
    own = [name for name in _modules(package, folder) if name != f"{folder}/{extras.FILE}"]
    files = tuple(sorted(imports.closure(package, own)))
    return Recipe(ref, f"osie.{folder.replace('/', '.')}", files, extras.read(package / folder))


def _modules(package: Path, folder: str) -> list[str]:
    return [
        path.relative_to(package).as_posix()
        for path in (package / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix not in (".pyi", ".pyc")
    ]


def _build(
    recipe: Recipe, package: Path, foundation: Base, between: Sequence[Layer], cache: Cache
) -> BuiltImage:
    layers = (foundation.layer, *between, _own_layer(recipe, package, foundation, cache))
    config = document.config(
        entrypoint=["python3", "-m", recipe.module],
        title=recipe.ref.split(":")[0],
        diff_ids=[part.diff_id for part in layers],
        architecture=base.ARCHITECTURE,
        created_s=int(EPOCH),
        python_path=f"/{_PYTHON_PATH}",
    )
    manifest = document.manifest(config, [(part.digest, part.size) for part in layers], layer.MEDIA_TYPE)
    return BuiltImage(recipe.ref, manifest, config, layers)


def _own_layer(recipe: Recipe, package: Path, foundation: Base, cache: Cache) -> Layer:
    """The layer with our code for that image: sources, for tracebacks that can be read, and byte code."""

    def pack(folder: Path) -> None:
        tree = folder / "tree"
        for name in recipe.files:
            target = tree / _PYTHON_PATH / "osie" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(package / name, target)
        Interpreter(foundation.root).compile(tree / _PYTHON_PATH, strip=tree, beside=False)
        layer.write(tree, folder)
        shutil.rmtree(tree)

    contents = {name: layer.digest_of((package / name).read_bytes()) for name in recipe.files}
    step = f"oci-{recipe.ref.split(':')[0].replace('/', '-')}"
    return cache.read(step, [contents, foundation.layer.diff_id, base.recipe()], pack, Layer.read)
