"""Contributions of neighbours: their worth to us, fairly divided, and updates that repeat others. Pure."""
