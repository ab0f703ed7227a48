"""Where alerts and figures leave the gateway: MQTT, people, Home Assistant, Sparkplug B."""
