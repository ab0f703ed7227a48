"""What a gateway's tables say, as facts: one file for each subject. Pure."""
