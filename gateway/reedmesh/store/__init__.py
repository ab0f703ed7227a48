"""What a gateway keeps: one SQLite file, its tables, the outbox, and the thread that writes."""
