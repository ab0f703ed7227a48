"""The path of a reading on its gateway (`watch.py`), and the sensors it comes from."""
