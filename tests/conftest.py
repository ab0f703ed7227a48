"""Settings for all tests: property tests draw the same examples every time, however slow the machine."""

from hypothesis import settings

settings.register_profile("same every time", derandomize=True, deadline=None)
settings.load_profile("same every time")
