"""Counters, locks and caches with expiry."""
