"""Settings of a gateway: the schema of its TOML file, what each key means, and credentials."""
