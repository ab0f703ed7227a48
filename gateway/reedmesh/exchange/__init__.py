"""The exchange of updates with neighbours: sending, collecting, sealed federations, checkpoints."""
