"""How Alembic runs here: always on a connection that activeclust.store.sql.upgrade has opened and locked."""

from alembic import context

from activeclust.store.sql.schema import VERSION_TABLE, metadata

if hasattr(context, "config"):  # only if Alembic runs this file, not if it is imported for its docstring
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        render_as_batch=True,  # SQLite changes a table by copying it
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()
