"""Runs the migrations on the connection that duty_desk.ledger.tables gives."""

from __future__ import annotations

from alembic import context

from duty_desk.ledger.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
