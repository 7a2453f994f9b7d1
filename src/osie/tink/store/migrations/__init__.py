"""How the tables came to be, for Alembic. `store.Store.open` runs it."""
