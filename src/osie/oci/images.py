"""The images we make: the worker's, and one for each folder below osie/actions."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import osie
from osie.core.cache import BuildProgress, Cache
from osie.core.debian import EPOCH
from osie.oci import base, document, extras, imports, layer
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
    """An image in the layout."""

    ref: str
    manifest_digest: str
    config_digest: str  # what Docker calls the image's ID
    layers: tuple[Layer, ...]

    @property
    def size(self) -> int:
        """Bytes that a pull of all layers takes."""
        return sum(part.size for part in self.layers)


def build_all(
    *, layout: Path, cache: Cache, progress: BuildProgress, source: Path | None = None, mirror: str = ""
) -> list[BuiltImage]:
    """Fill `layout` with the worker's image and one of each action; what hasn't changed isn't rebuilt.

    `source` is the folder of the `osie` package, ours where it's None. The layout holds these images and no
    others then; what the index before this one names stays readable until the next change.
    """
    cache = replace(cache, progress=progress)
    package = source if source is not None else Path(osie.__file__).parent
    foundation = base.build(cache, mirror=mirror)
    wanted = recipes(package)
    between = extras.build(
        {recipe.ref: recipe.packages for recipe in wanted}, foundation, cache, mirror=mirror
    )
    images = [_build(recipe, package, foundation, between[recipe.ref], cache) for recipe in wanted]
    _publish(layout, images)
    return [image for image, _ in images]


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
) -> tuple[BuiltImage, dict[str, bytes]]:
    """The image, and its two documents by digest."""
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
    documents = {layer.digest_of(content): content for content in (config, manifest)}
    return (
        BuiltImage(recipe.ref, layer.digest_of(manifest), layer.digest_of(config), layers),
        documents,
    )


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
    return Layer.read(cache.get(step, [contents, foundation.layer.diff_id, base.recipe()], pack))


def _publish(target: Path, images: list[tuple[BuiltImage, dict[str, bytes]]]) -> None:
    files = {part.digest: part.packed for image, _ in images for part in image.layers}
    documents = {digest: content for _, parts in images for digest, content in parts.items()}
    descriptors = [
        document.reference(
            image.ref, image.manifest_digest, len(documents[image.manifest_digest]), base.ARCHITECTURE
        )
        for image, _ in images
    ]
    folder_layout.publish(target, descriptors, files=files, documents=documents)
