"""How long tests wait for what must come: only what hangs takes so long, however busy the machine is.

A bound that is itself the claim, such as "an alert is on the page within two seconds", is none of these: it stands in
its own test, under a name of its own, and measures what is claimed and nothing beside it.
"""

PATIENCE = 120.0  # seconds
