"""Realistic traffic, with incidents of known start, kind and size."""
