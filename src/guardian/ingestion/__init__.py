"""ACCEPT: transactions and counts are validated, made durable, and answered."""
