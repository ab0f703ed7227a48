"""Who is who: keys, successions, trust, certificates, sealed envelopes."""
