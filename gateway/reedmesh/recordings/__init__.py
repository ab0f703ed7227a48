"""Recordings of machines: what users bring (CSV, WAV, NumPy, folders) becomes windows that families learn from."""
