"""CARRY: durable topics between the stages."""
