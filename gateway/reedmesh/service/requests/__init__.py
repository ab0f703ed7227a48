"""The request server: answers requests of people and programs over MQTT."""
