"""Questions to the line in plain language: understood by tables, answered with facts, said in the operator's language."""
