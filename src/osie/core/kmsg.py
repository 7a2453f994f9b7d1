"""The kernel's log, record by record.

Source of the form: the kernel's Documentation/ABI/testing/dev-kmsg.
"""

import os
from collections.abc import Iterator
from pathlib import Path

_RECORD = 8192  # bytes; a read that is shorter than the record fails (kernel/printk, CONSOLE_EXT_LOG_MAX)


def records(log: Path = Path("/dev/kmsg"), *, follow: bool = False) -> Iterator[str]:
    """The records, from the first that is kept: `PRIORITY,NUMBER,TIME,FLAGS;TEXT` and lines of details.

    With `follow` further ones are waited for. Raises OSError.
    """
    source = os.open(log, os.O_RDONLY | (0 if follow else os.O_NONBLOCK))
    try:
        while True:
            try:
                record = os.read(source, _RECORD)
            except BrokenPipeError:  # records were overwritten before we read them; the next read goes on
                continue
            except BlockingIOError:  # there are no more yet
                return
            if not record:
                return
            yield record.decode("utf-8", "replace")
    finally:
        os.close(source)
