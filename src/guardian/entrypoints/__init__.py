"""The doors: HTTP application, workers, command line. No logic."""
