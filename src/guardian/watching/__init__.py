"""JUDGE ALL: the stream, minute by minute."""
