"""Commands about signed records: passports, the ledger, audits, credit, proofs."""
