"""Agents that are cut off at random moments, and what must be left."""
