"""Flows: a person's way through stages. `executor` decides; pages, JSON and headless doors drive it."""
