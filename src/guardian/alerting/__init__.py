"""RAISE: anomalies become few and true alerts."""
