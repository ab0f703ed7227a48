"""The request server: what people and programs ask of a gateway over MQTT."""
