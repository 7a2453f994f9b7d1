"""The tables as they are now. migrations/ has how they came to be; a test holds the two together."""

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_Time = sa.Double  # unix seconds
# SQLite numbers rows by itself in a column of exactly this type.
_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

resources = sa.Table(
    "resources",
    metadata,
    sa.Column("kind", sa.String(20), primary_key=True),
    sa.Column("namespace", sa.String(63), primary_key=True),
    sa.Column("name", sa.String(253), primary_key=True),
    sa.Column("spec", sa.JSON, nullable=False),
    sa.Column("labels", sa.JSON, nullable=False),
    sa.Column("annotations", sa.JSON, nullable=False),
    sa.Column("netboot", sa.Boolean),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", _Time, nullable=False),
    sa.Column("updated_at", _Time, nullable=False),
)

# Ids that only one Hardware may have, and by which it is found.
identities = sa.Table(
    "identities",
    metadata,
    sa.Column("kind", sa.String(20), primary_key=True),  # agent (its hardware addresses, too) or address
    sa.Column("value", sa.String(253), primary_key=True),
    sa.Column("namespace", sa.String(63), nullable=False),
    sa.Column("name", sa.String(253), nullable=False),
    sa.Index(None, "namespace", "name"),
)

workflows = sa.Table(
    "workflows",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("namespace", sa.String(63), nullable=False),
    sa.Column("name", sa.String(253), nullable=False),
    sa.Column("state", sa.String(20), nullable=False, index=True),
    sa.Column("hardware", sa.String(253), nullable=False),
    sa.Column("template", sa.String(253), nullable=False),
    sa.Column("toggle_netboot", sa.Boolean, nullable=False),
    sa.Column("document", sa.JSON, nullable=False),  # states.Workflow, whole
    sa.Column("created_at", _Time, nullable=False),
    sa.Column("updated_at", _Time, nullable=False),
    sa.Column("queued_at", _Time, nullable=False, server_default="0"),  # its place in its agents' queue
    sa.UniqueConstraint("namespace", "name"),
)


def _of_workflow() -> sa.ForeignKey:
    return sa.ForeignKey("workflows.id", ondelete="CASCADE")


workflow_agents = sa.Table(
    "workflow_agents",
    metadata,
    sa.Column("workflow_id", sa.String(36), _of_workflow(), primary_key=True),
    sa.Column("agent", sa.String(253), primary_key=True),
    sa.Column("heard_at", _Time),  # null: not yet
    sa.Column("beating", sa.String(36), nullable=False, server_default=""),  # the run of the last heartbeat
    sa.Index(None, "agent"),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("id", _Id, primary_key=True, autoincrement=True),
    sa.Column("workflow_id", sa.String(36), _of_workflow(), nullable=False),
    sa.Column("at", _Time, nullable=False),
    sa.Column("task", sa.String(199)),
    sa.Column("action", sa.String(199)),
    sa.Column("action_id", sa.String(36)),
    sa.Column("before", sa.String(20)),
    sa.Column("after", sa.String(20), nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("who", sa.String(300), nullable=False, server_default="server"),
    sa.Index(None, "workflow_id", "id"),
    sqlite_autoincrement=True,  # an id is never used again: followers count on it
)

action_logs = sa.Table(
    "action_logs",
    metadata,
    sa.Column("id", _Id, primary_key=True, autoincrement=True),
    sa.Column("workflow_id", sa.String(36), _of_workflow(), nullable=False),
    sa.Column("action_id", sa.String(36), nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("at", _Time, nullable=False),
    sa.Column("stream", sa.String(10), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.UniqueConstraint("action_id", "sequence"),
    sa.Index(None, "workflow_id", "id"),
    sqlite_autoincrement=True,
)

progress = sa.Table(
    "progress",
    metadata,
    sa.Column("action_id", sa.String(36), primary_key=True),
    sa.Column("workflow_id", sa.String(36), _of_workflow(), nullable=False, index=True),
    sa.Column("at", _Time, nullable=False),
    sa.Column("phase", sa.String(64), nullable=False),
    sa.Column("done", sa.BigInteger, nullable=False),
    sa.Column("total", sa.BigInteger),
    sa.Column("unit", sa.String(64), nullable=False),
    sa.Column("rate_per_s", sa.Double, nullable=False),
    sa.Column("eta_s", sa.Double),
)

machines = sa.Table(
    "machines",
    metadata,
    sa.Column("mac", sa.String(17), primary_key=True),
    sa.Column("first_seen", _Time, nullable=False),
    sa.Column("last_seen", _Time, nullable=False),
    sa.Column("attributes", sa.JSON, nullable=False),  # as the worker told them; {}: not yet
)

machine_events = sa.Table(
    "machine_events",
    metadata,
    sa.Column("id", _Id, primary_key=True, autoincrement=True),
    sa.Column("mac", sa.String(17), nullable=False),
    sa.Column("at", _Time, nullable=False),
    sa.Column("event", sa.String(64), nullable=False),
    sa.Column("fields", sa.JSON, nullable=False),
    sa.Index(None, "mac", "id"),
    sqlite_autoincrement=True,
)

machine_logs = sa.Table(
    "machine_logs",
    metadata,
    sa.Column("id", _Id, primary_key=True, autoincrement=True),
    sa.Column("mac", sa.String(17), nullable=False),
    sa.Column("at", _Time, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Index(None, "mac", "id"),
    sqlite_autoincrement=True,
)
