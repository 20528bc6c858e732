"""Alembic's entry point: runs on the connection that `catalog.versions` hands over."""

from alembic import context

from voicesieve.catalog.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
