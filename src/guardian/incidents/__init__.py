"""MANAGE: one incident per disturbance."""
