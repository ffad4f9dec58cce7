"""Rules: an expression language over columns, the life of a rule, and what decides at a time."""
