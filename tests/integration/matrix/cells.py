"""A cell of the table: one format, one fault, one kind of trust; run for real, judged by the disk."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from integration.matrix.faults import FAULTS, TO_ITSELF, UNSEEN_WITHOUT_DIGEST, Fault
from integration.matrix.formats import MIB, NAMES, Stored
from integration.matrix.nursery import Done, Nursery
from integration.matrix.trusts import TRUSTS, vouching
from unruly import Unruly

OLD = b"\xaa" * (9 * MIB)  # what the disk holds before: an older system

# installed: success, the right bytes. untouched: an error, and the disk is as before. erased: an error, and
# both ends of the disk are zero: it can't boot. unseen: success, with other bytes. broken: anything else.
Found = Literal["installed", "untouched", "erased", "unseen", "broken"]


@dataclass(frozen=True)
class Cell:
    """Where in the table."""

    fault: Fault
    format: str
    trust: str
    device: bool = False  # onto a block device, not onto a regular file

    def __str__(self) -> str:
        return f"{self.fault.name} | {self.format} | {self.trust}{' | device' if self.device else ''}"

    @property
    def expected(self) -> set[Found]:
        """What may happen."""
        if self.trust == "no digest" and self.fault.name in UNSEEN_WITHOUT_DIGEST.get(self.format, ()):
            return {"unseen"}
        if self.fault.recovers(self.format, self.trust):
            return {"installed"}
        early = self.fault.early(self.format, self.trust)
        return {"untouched"} if early else {"untouched", "erased"}


CELLS = [Cell(fault, name, trust) for fault in FAULTS for name in fault.formats for trust in TRUSTS]
ON_A_DEVICE = [  # each fault once, formats and kinds of trust in turn
    Cell(
        fault,
        fault.formats[number % len(fault.formats)],
        TRUSTS[(number + number // len(NAMES)) % len(TRUSTS)],
        device=True,
    )
    for number, fault in enumerate(FAULTS)
]


@dataclass(frozen=True)
class Outcome:
    """What happened."""

    found: Found
    done: Done

    @property
    def warned(self) -> bool:
        """Whether the operator was told that nothing vouches for the image."""
        return "THE IMAGE IS NOT VERIFIED" in self.done.stderr

    def is_clear(self, pattern: str) -> bool:
        """Whether there is one error line, the last, of a kind that was thought of, about the right thing."""
        errors = [line for line in self.done.stderr.splitlines() if line.startswith("ERROR: ")]
        last = self.done.stderr.splitlines()[-1:]
        return errors == last and "unexpected" not in errors[0] and bool(re.search(pattern, errors[0]))


def run_cell(cell: Cell, stored: Stored, server: Unruly, nursery: Nursery, disk: Path) -> Outcome:
    """Install on a disk that holds an older system, and see what has become of it."""
    served = cell.fault.serve(stored)
    file = server.serve(served.body, *served.answers)
    file.answers = [replace(a, location=file.url) if a.location == TO_ITSELF else a for a in file.answers]
    urls = [file.url, *([server.serve(cell.fault.mirror(stored)).url] if cell.fault.mirror else [])]
    environment = {"IMG_URL": " ".join(urls), "DEST_DISK": str(disk), **cell.fault.environment}
    environment |= vouching(cell.trust, stored, server)
    with disk.open("r+b" if disk.is_block_device() else "wb") as target:
        target.write(OLD)
    done = nursery.run("image2disk", environment)
    return Outcome(judged(done, disk.read_bytes(), stored.raw), done)


def judged(done: Done, content: bytes, raw: bytes) -> Found:
    """What an exit status and a disk's content amount to."""
    if done.returncode == 0:
        rest = content.removeprefix(raw)
        return "installed" if len(rest) < len(content) and not rest.strip(b"\0") else "unseen"
    if done.returncode != 1:
        return "broken"
    if content == OLD:
        return "untouched"
    return "broken" if (content[:MIB] + content[-MIB:]).strip(b"\0") else "erased"
