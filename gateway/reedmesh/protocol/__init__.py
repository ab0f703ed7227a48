"""What sensor and gateway agree on to the byte: frames, shards, recipes. Every file here runs under both Pythons."""
