"""Starts the sensor under the name that `main.py` of firmware 0.1 looks for: no update replaces that file."""

import app

main = app.main  # no bare import: what nothing uses is left out of compiled firmware
