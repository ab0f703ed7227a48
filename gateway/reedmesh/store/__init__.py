"""A gateway's data: one SQLite file, its tables, the outbox, and the thread that writes."""
