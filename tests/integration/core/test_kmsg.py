"""This host's kernel log, by its real device."""

import uuid
from pathlib import Path

from osie.core.kmsg import records


def test_a_record_is_found() -> None:
    """Each read is one record, head and text, however many there are before it; both ways get there."""
    text = f"osie: test {uuid.uuid4()}"
    Path("/dev/kmsg").write_text(f"<7>{text}\n")
    found = [record for record in records() if text in record]
    assert [record.partition(";")[2] for record in found] == [f"{text}\n"]
    assert next(record for record in records(follow=True) if text in record) == found[0]
