"""Logs with masking, the metric catalogue, traces, health."""
