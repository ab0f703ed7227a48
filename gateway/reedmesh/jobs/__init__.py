"""Lent computing: gateways do jobs of fixed kinds for their neighbours when they are idle; docs/jobs.md."""
