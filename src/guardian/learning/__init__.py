"""Beside the path: training and backtests."""
