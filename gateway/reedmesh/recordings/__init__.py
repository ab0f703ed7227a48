"""Recordings of machines: files of users (CSV, WAV, NumPy, folders) become windows that families learn from."""
