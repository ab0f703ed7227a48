"""The pages themselves: overview, alert, sensor, learning, settings, downloads."""
