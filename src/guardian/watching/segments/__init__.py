"""Series of segments: each acquirer, merchant, BIN and chosen pair, and each status within it."""
