"""The registry of model artefacts."""
