"""Which of our modules a program needs: what its sources import, and what those import, wherever in them."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

_PACKAGE = "osie"


def closure(package: Path, files: Iterable[str]) -> set[str]:
    """`files` and every module of ours that they need, as names relative to `package`, the folder of `osie`.

    An import inside a function counts. A module that is named only at run time (importlib) isn't seen.
    """
    needed: set[str] = set()
    waiting = list(files)
    while waiting:
        name = waiting.pop()
        if name in needed:
            continue
        needed.add(name)
        waiting += _parents(package, name)
        if name.endswith(".py"):
            for module in _imported((package / name).read_text()):
                waiting += _files(package, module)
    return needed


def _imported(source: str) -> Iterator[str]:
    """Every dotted name below ours that may be a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in names if name.partition(".")[0] == _PACKAGE)


def _files(package: Path, module: str) -> list[str]:
    path = "/".join(module.split(".")[1:])
    candidates = (f"{path}.py", f"{path}/__init__.py") if path else ("__init__.py",)
    return [name for name in candidates if (package / name).is_file()]


def _parents(package: Path, name: str) -> list[str]:
    """The __init__ of each package that the module is in."""
    folders = Path(name).parents
    inits = [(folder / "__init__.py").as_posix() for folder in folders]
    return [init for init in inits if (package / init).is_file()]
