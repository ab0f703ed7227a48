"""Signed records of what a model is and of what was given and taken: passports, the ledger, DSSE envelopes. Pure."""
