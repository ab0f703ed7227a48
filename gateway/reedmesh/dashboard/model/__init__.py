"""What the web page knows: state folded from MQTT messages, answers to requests, accounts. Pure but for the feed."""
