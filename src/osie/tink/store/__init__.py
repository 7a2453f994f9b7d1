"""Tables, rows and transactions: SQLite or PostgreSQL."""
