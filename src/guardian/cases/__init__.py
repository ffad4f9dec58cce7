"""LOOK AT: what people find flagged transactions to be, and how right the verdicts were."""
