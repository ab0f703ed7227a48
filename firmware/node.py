"""Starts the sensor under the name that `main.py` of firmware 0.1 looks for: no update replaces that file."""

from app import main  # noqa: F401 - what that main.py calls
