"""The ledger: rows that only grow, the texts beside them, and the lamps' epoch."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_LARGE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables. The triggers stop a careless hand; the chain shows a determined one."""
    op.create_table(
        "entry",
        sa.Column("sequence", _LARGE, primary_key=True, autoincrement=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_table(
        "aside",
        sa.Column("sequence", _LARGE, primary_key=True, autoincrement=False),
        sa.Column("field", sa.String(32), primary_key=True),
        sa.Column("salt", sa.String(32), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_table(
        "epoch",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("epoch_ms", _LARGE, nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        _guard_server()
        return
    for action in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER entry_no_{action.lower()} BEFORE {action} ON entry "
            "BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END"
        )


def _guard_server() -> None:
    op.execute(
        "CREATE FUNCTION entry_only_grows() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the ledger only grows'; END $$"
    )
    for action in ("UPDATE", "DELETE", "TRUNCATE"):
        op.execute(
            f"CREATE TRIGGER entry_no_{action.lower()} BEFORE {action} ON entry "
            "FOR EACH STATEMENT EXECUTE FUNCTION entry_only_grows()"
        )
