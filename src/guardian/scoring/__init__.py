"""JUDGE ONE: a transaction gets one explained verdict."""
