"""The contract that both databases keep."""

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from osie.core.errors import chain
from osie.tink.domain.states import accept, report
from osie.tink.domain.workflow import Action, ActionState, Task, Workflow
from osie.tink.store import journal, workflow_rows
from osie.tink.store.database import Store, StoreError
from osie.tink.store.tables import machine_events, metadata
from osie.tink.store.workflow_rows import LogLine


def workflow(name: str = "w") -> Workflow:
    """A workflow with every field in use."""
    action = Action(
        f"a-{name}",
        "n",
        "i",
        5,
        ("c",),
        ("/a:/b",),
        ("K=V",),
        "host",
        "host",
        "host",
        reboot=True,
        handed_out_at=1.5,
        retries=2,
        retry_backoff_s=7,
        on_failure=("f",),
        on_timeout=("t", "u"),
        condition="true",
        decided=True,
        attempt=2,
        not_before=3.0,
        past_ids=("old",),
        hook=Action("h", "n.on-failure", "i", 300, ("f",), state=ActionState.SUCCESS),
    )
    return Workflow(
        f"id-{name}", "default", name, "hw", "tpl", (Task("t", "t", "me", ("me",), (action,)),), 9
    )


async def test_migrations_make_what_the_tables_say(store: Store) -> None:
    """A migrated database and tables.py agree, so that no change of one goes without the other."""

    def compare(connection: sa.Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    async with store.read() as connection:
        assert await connection.run_sync(compare) == []


async def test_opening_twice_and_at_once_is_harmless(url: str) -> None:
    """Several servers may open one new store at the same time, and again later."""
    for opened in await asyncio.gather(*(Store.open(url) for _ in range(3))):
        await opened.close()
    await (await Store.open(url)).close()


async def test_a_newer_store_is_left_alone(url: str) -> None:
    """A store that a newer Osie wrote is refused with a hint, not changed."""
    opened = await Store.open(url)
    async with opened.write() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    await opened.close()
    with pytest.raises(StoreError, match="can't be brought up to date") as caught:
        await Store.open(url)
    assert "newer" in caught.value.hint


@pytest.mark.parametrize(
    "bad",
    [
        "nonsense",
        "postgresql+psycopg//osie:secret@host/name",
        "postgresql+unknown://osie:secret@host/name",
        "unknown://osie:a:secret/of@mine@host/name",
        "postgresql:osie:secret@host",
        "mysql://x/y",
        "sqlite+aiosqlite://",
        "sqlite+aiosqlite:////no/such/folder/tink.db",
        "postgresql+psycopg://osie:secret@/none?host=/no/such/folder",
    ],
)
async def test_what_can_not_be_opened_is_told(bad: str) -> None:
    """A wrong URL, and a database that isn't there, are errors of one sentence without the password."""
    with pytest.raises(StoreError) as caught:
        await Store.open(bad)
    told = " ".join(chain(caught.value))
    assert "secret" not in told
    assert "Background" not in told


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    """Some other file in the database's place is an error of one sentence, and stays as it is."""
    file = tmp_path / "notes.txt"
    file.write_text("nothing of ours " * 100)
    with pytest.raises(StoreError, match="not a database"):
        await Store.open(f"sqlite+aiosqlite:///{file}")
    assert file.read_text().startswith("nothing")


async def test_a_workflow_survives_storage_unchanged(store: Store) -> None:
    """What is read is what was written, field by field, with its events."""
    step = accept(workflow(), 2.0)
    async with store.write() as connection:
        await workflow_rows.create(connection, step, 2.0)
    async with store.read() as connection:
        assert await workflow_rows.get(connection, "default", "w") == step.workflow
        rows = await workflow_rows.events_after(connection, "id-w", 0, 10)
    assert [(row["before"], row["after"]) for row in rows] == [(None, "PREPARING"), ("PREPARING", "PENDING")]


async def test_a_failing_transaction_leaves_nothing(store: Store) -> None:
    """State and events are stored together or not at all."""
    async with store.write() as connection:
        await workflow_rows.create(connection, accept(workflow(), 2.0), 2.0)
    with pytest.raises(RuntimeError):
        async with store.write() as connection:
            found = await workflow_rows.get(connection, "default", "w", lock=True)
            assert found is not None
            step = report(found, {"me"}, "a-w", ActionState.FAILED, 3.0)
            await workflow_rows.save(connection, step, 3.0)
            raise RuntimeError
    async with store.read() as connection:
        found = await workflow_rows.get(connection, "default", "w")
        assert found is not None
        assert found.state == "PENDING"
        assert len(await workflow_rows.events_after(connection, "id-w", 0, 10)) == 2


async def test_concurrent_reports_are_one(store: Store) -> None:
    """Of twenty reports at once, one changes the workflow: the row's lock puts them in line."""
    async with store.write() as connection:
        await workflow_rows.create(connection, accept(workflow(), 2.0), 2.0)

    async def tell() -> int:
        async with store.write() as connection:
            found = await workflow_rows.get(connection, "default", "w", lock=True)
            assert found is not None
            step = report(found, {"me"}, "a-w", ActionState.RUNNING, 3.0)
            await workflow_rows.save(connection, step, 3.0)
            return len(step.changes)

    assert sorted(await asyncio.gather(*(tell() for _ in range(20)))) == [0] * 19 + [2]


async def test_log_lines_are_kept_once_and_bounded(store: Store) -> None:
    """A repeated line is dropped, and so are an action's oldest lines beyond the bound."""
    async with store.write() as connection:
        await workflow_rows.create(connection, accept(workflow(), 2.0), 2.0)
        for start in (1, 3, 8):
            lines = [LogLine(n, 1.0, "stdout", f"line {n}") for n in range(start, start + 4)]
            await workflow_rows.add_logs(connection, "id-w", "a-w", lines, kept=5)
        rows = await workflow_rows.logs_after(connection, "id-w", None, 0, 100)
    assert [row["sequence"] for row in rows] == [6, 8, 9, 10, 11]


async def test_one_line_with_a_huge_number_erases_no_other(store: Store) -> None:
    """A worker chooses its lines' numbers; one far ahead takes its own place, and the lines after it stay."""
    async with store.write() as connection:
        await workflow_rows.create(connection, accept(workflow(), 2.0), 2.0)
        for number in (1, 2, 2**63 - 1, 3, 4):
            line = LogLine(number, 1.0, "stdout", f"line {number}")
            await workflow_rows.add_logs(connection, "id-w", "a-w", [line], kept=4)
        rows = await workflow_rows.logs_after(connection, "id-w", None, 0, 100)
    assert [row["sequence"] for row in rows] == [2, 2**63 - 1, 3, 4]


async def test_the_journal_is_bounded(store: Store) -> None:
    """A machine's oldest events make room, and another machine's stay."""
    async with store.write() as connection:
        await journal.add_event(connection, "m2", "first", {}, 1.0)
        for number in range(6):
            await journal.add_event(
                connection, "m1", f"e{number}", {"n": number, "s": "a\0b"}, float(number), kept=3
            )
        found = await journal.after(connection, machine_events, "m1", 0, 100)
        others = await journal.after(connection, machine_events, "m2", 0, 100)
    assert [row["event"] for row in found] == ["e3", "e4", "e5"]
    assert len(others) == 1


async def test_deleting_takes_all_that_belongs_to_it(store: Store) -> None:
    """With a workflow go its events, logs and progress, and its name is free again."""
    async with store.write() as connection:
        await workflow_rows.create(connection, accept(workflow(), 2.0), 2.0)
        await workflow_rows.add_logs(connection, "id-w", "a-w", [LogLine(1, 1.0, "stdout", "x")])
        await workflow_rows.delete(connection, "default", "w")
        assert not await workflow_rows.logs_after(connection, "id-w", None, 0, 9)
        assert not await workflow_rows.events_after(connection, "id-w", 0, 9)
        await workflow_rows.create(connection, accept(workflow(), 2.0), 2.0)


async def test_sqlite_is_as_durable_as_it_gets(tmp_path: Path) -> None:
    """WAL with synchronous=FULL: an acknowledged change survives the power cut, and foreign keys hold."""
    opened = await Store.open(f"sqlite+aiosqlite:///{tmp_path / 'a 100%.db'}")
    async with opened.read() as connection:
        for pragma, value in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)):
            assert (await connection.exec_driver_sql(f"PRAGMA {pragma}")).scalar() == value
    await opened.close()
