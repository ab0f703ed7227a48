"""Questions to the line in plain language: tables understand them, facts answer them, words say these."""
