"""Brokers of a gateway: the access list, accounts, mosquitto's configuration, the embedded broker."""
