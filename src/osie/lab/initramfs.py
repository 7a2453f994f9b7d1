"""The lab OS's initramfs: tiny-initramfs' static /init, which mounts root=UUID=..., and the disk's drivers.

mktirfs itself isn't used: it copies modules as they are, and Debian 13's are xz-compressed, which that /init
cannot read. 40 KB instead of initramfs-tools' 18 MB save about 5 s of each boot under TCG.
"""

import lzma
import os
import tempfile
from pathlib import Path

from osie.core.debian import EPOCH
from osie.core.process import run

_INIT = "usr/libexec/tiny-initramfs/init-static"
_MODULES = ("drivers/block/virtio_blk",)  # ext4 and virtio_pci are built into the cloud kernel


def write(root: Path, version: str, target: Path) -> None:
    """Write the initramfs of the kernel `version` in the tree `root` to `target`, uncompressed."""
    with tempfile.TemporaryDirectory(prefix="osie-initramfs-") as name:
        stage = Path(name)
        for folder in ("dev", "proc", "target"):
            (stage / folder).mkdir()
        (stage / "init").write_bytes((root / _INIT).read_bytes())
        (stage / "init").chmod(0o755)
        names = []
        for module in _MODULES:
            packed = root / f"usr/lib/modules/{version}/kernel/{module}.ko.xz"
            (stage / packed.stem).write_bytes(lzma.decompress(packed.read_bytes()))
            names.append(f"/{packed.stem}\n")
        (stage / "modules").write_text("".join(names))
        _pack(stage, target)


def _pack(stage: Path, target: Path) -> None:
    names = sorted(path.name for path in stage.iterdir())  # one level deep
    for path in [*stage.iterdir(), stage]:
        os.utime(path, (int(EPOCH), int(EPOCH)))
    options = ["--create", "--format=newc", "--reproducible", "--owner=0:0", "--quiet", f"--file={target}"]
    run(["cpio", *options], input="".join(f"{name}\n" for name in names).encode(), cwd=stage)
