"""Whether a desk that stands by reaches a broker: to one that does not, nothing is handed over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; a desk that says nothing reaches none."""
    op.add_column("pair_desk", sa.Column("hears", sa.Boolean, nullable=False, server_default=sa.false()))
