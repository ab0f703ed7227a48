"""The agreement of sensor and gateway to the byte: frames, shards, recipes. Every file here runs under both Pythons."""
