"""Which entry GRUB would boot by its configuration. Pure."""

from collections.abc import Sequence

from osie.actions.kexec.entry import BootError, Entry, Files
from osie.actions.kexec.grub_run import Item, Run
from osie.actions.kexec.grub_script import parse


def default_entry(path: str, files: Files, *, platform: str = "pc") -> Entry:
    """What GRUB would boot by the configuration file at `path`. Raises BootError.

    `platform`: `pc` for a BIOS, `efi`.
    """
    text = files.text(path)
    if text is None:
        raise BootError(f"there is no {path}")
    run = Run(path, files, platform)
    run.until_end(parse(text))
    if not run.kernel and not run.other and not _choose(run):
        raise BootError(f"{path} has no entry to boot")
    title = run.variables.get("chosen", "")
    if not run.kernel:
        what = f"by `{run.other}`, which isn't Linux" if run.other else "no kernel"
        raise BootError(f"{path}: its default entry {title!r} starts {what}")
    return Entry(run.kernel, run.ramdisks, run.options, title)


def _choose(run: Run) -> bool:
    """Run the entry that is the default; whether there is one."""
    default, fallback = (run.variables.get(name, "") for name in ("default", "fallback"))
    return any(_pick(run, wish) for wish in (default, fallback.partition(" ")[0], "0"))


def _pick(run: Run, wish: str) -> bool:
    """Run the entry that is named so: its id, title or number, with `>` between it and its submenu's."""
    name, _, below = wish.partition(">")
    item = _named(name.strip(), run.menu)
    if item is None:
        return False
    run.variables["chosen"] = item.title
    if item.entry is not None:
        run.take(item.entry)
        return True
    run.menu = []
    run.until_end(item.body)
    return not item.submenu or _pick(run, below or "0") or _pick(run, "0")


def _named(name: str, menu: Sequence[Item]) -> Item | None:
    for item in menu:
        if name and name in (item.id, item.title):
            return item
    if name.isascii() and name.isdecimal() and len(name) < 6 and int(name) < len(menu):
        return menu[int(name)]
    return None
