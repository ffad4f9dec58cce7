"""The analysts' web pages, rendered on the server."""
