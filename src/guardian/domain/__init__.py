"""The nouns: plain, frozen, without I/O."""
