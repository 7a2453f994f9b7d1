"""A store that an older Osie wrote goes on working."""

import json

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from osie.tink.domain.states import accept, report
from osie.tink.domain.workflow import Action, ActionState, State, Task, Workflow
from osie.tink.store import database as store_module
from osie.tink.store import workflow_rows
from osie.tink.store.database import Store

_NEW_OF_WORKFLOW = {"cause", "run", "boots", "silent_since"}
_OLD_OF_ACTION = {
    *("id", "name", "image", "timeout_s", "command", "volumes", "environment", "pid", "network_namespace"),
    *("pid_namespace", "reboot", "state", "handed_out_at", "started_at", "stopped_at", "duration", "message"),
}


def _old(workflow: Workflow) -> str:
    """The workflow as the first version stored it."""
    value = {k: v for k, v in workflow_rows.encode(workflow).items() if k not in _NEW_OF_WORKFLOW}
    for task in value["tasks"]:
        task["actions"] = [{k: a[k] for k in _OLD_OF_ACTION} for a in task["actions"]]
    return json.dumps(value)


async def test_a_store_of_the_first_version_is_taken_over(url: str) -> None:
    """Its workflows run on, its events say who, and the queue keeps its order."""
    tasks = (Task("t", "install", "me", ("me",), (Action("a", "write", "i", 5),)),)
    made = [
        accept(Workflow(f"id-{n}", "default", f"w{n}", "hw", "tpl", tasks), float(n)).workflow for n in (2, 1)
    ]
    engine = sa.create_engine(url.replace("+aiosqlite", ""))
    config = Config()
    config.set_main_option("script_location", f"{store_module.__file__.rpartition('/')[0]}/migrations")
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for item in made:
            connection.execute(
                sa.text(
                    "INSERT INTO workflows"
                    " VALUES (:i, 'default', :n, 'PENDING', 'hw', 'tpl', false, :d, :c, :c)"
                ),
                {"i": item.id, "n": item.name, "d": _old(item), "c": item.created_at},
            )
            connection.execute(sa.text("INSERT INTO workflow_agents VALUES (:i, 'me')"), {"i": item.id})
            for agent in ("me", None):
                connection.execute(
                    sa.text(
                        "INSERT INTO events (workflow_id, at, after, why, agent)"
                        " VALUES (:i, 1, 'RUNNING', '', :a)"
                    ),
                    {"i": item.id, "a": agent},
                )
    engine.dispose()
    store = await Store.open(url)
    async with store.write() as connection:
        queue = await workflow_rows.of_agents(connection, ["me"])
        assert queue == [made[1], made[0]]
        step = report(queue[0], {"me"}, "a", ActionState.SUCCESS, 5.0)
        await workflow_rows.save(connection, step, 5.0)
        events = await workflow_rows.events_after(connection, "id-1", 0, 10)
        again = await workflow_rows.get(connection, "default", "w1")
    await store.close()
    assert [event["who"] for event in events][:3] == ["agent me", "server", "agent me"]
    assert again is not None
    assert again.state is State.SUCCESS
