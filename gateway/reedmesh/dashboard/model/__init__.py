"""The state of the web page: messages, answers to requests, accounts. Pure but for the feed."""
