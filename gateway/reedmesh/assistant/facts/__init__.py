"""Facts from a gateway's tables: one file for each subject. Pure."""
