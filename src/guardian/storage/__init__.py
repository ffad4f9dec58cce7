"""KEEP: transactions, minutes and the low-volume nouns."""
