"""Signed records of models and of exchanged updates: passports, the ledger, DSSE envelopes. Pure."""
