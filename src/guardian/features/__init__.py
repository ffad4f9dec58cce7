"""REMEMBER: the only definition of features."""
