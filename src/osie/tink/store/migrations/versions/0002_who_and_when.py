"""Events say who, agents when they were last heard, workflows which is next."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("events", sa.Column("who", sa.String(length=300), nullable=False, server_default="server"))
    op.execute("UPDATE events SET who = 'agent ' || agent WHERE agent IS NOT NULL")
    op.drop_column("events", "agent")
    op.add_column("workflow_agents", sa.Column("heard_at", sa.Double(), nullable=True))
    op.add_column(
        "workflow_agents", sa.Column("beating", sa.String(length=36), nullable=False, server_default="")
    )
    op.add_column("workflows", sa.Column("queued_at", sa.Double(), nullable=False, server_default="0"))
    op.execute("UPDATE workflows SET queued_at = created_at")
