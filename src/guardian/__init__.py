"""Transaction Guardian: a real-time monitor of payment transactions."""

__version__ = "0.1.0"
