"""A line on one machine: the demo, replayed machines, neighbourhoods of gateways, noisy wires."""
