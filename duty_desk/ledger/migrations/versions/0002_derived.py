"""What is derived from the chain: the incidents, their rows, the alarms seen; and an index on the texts beside it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_LARGE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables, empty: the desk fills them from the chain at its next start."""
    op.create_table(
        "incident",
        sa.Column("first", _LARGE, primary_key=True, autoincrement=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("device", sa.String(63)),
        sa.Column("button", sa.String(63)),
        sa.Column("category", sa.String(16)),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("opened_at_ns", sa.BigInteger, nullable=False),
        sa.Column("received_at_ns", sa.BigInteger, nullable=False),
        sa.Column("accepted_at_ns", sa.BigInteger),
        sa.Column("departed_at_ns", sa.BigInteger),
        sa.Column("resolved_at_ns", sa.BigInteger),
        sa.Column("ended_at_ns", sa.BigInteger),
        sa.Column("accepted_row", _LARGE),
        sa.Column("ended_row", _LARGE),
        sa.Column("presses", sa.Integer, nullable=False),
        sa.Column("escalated", sa.Integer, nullable=False),
        sa.Column("reason", sa.String(16)),
    )
    op.create_index("incident_id", "incident", ["id"], unique=True)
    searched = ["opened_at_ns", "first", "state", "origin", "status", "device", "button"]
    op.create_index("incident_opened", "incident", searched)
    op.create_index("incident_ended", "incident", ["ended_row"])
    op.create_table(
        "incident_row",
        sa.Column("first", _LARGE, primary_key=True, autoincrement=False),
        sa.Column("sequence", _LARGE, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.create_index("incident_row_sequence", "incident_row", ["sequence"])
    op.create_table(
        "seen",
        sa.Column("device", sa.String(63), primary_key=True),
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("sequence", _LARGE, nullable=False),
        sa.Column("incident_id", sa.String(36), nullable=False),
        sa.Column("incomplete", sa.Boolean, nullable=False),
    )
    op.create_index("seen_sequence", "seen", ["sequence"])
    op.create_table(
        "derived",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("sequence", _LARGE, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_index("aside_text", "aside", ["field", "text"])
