"""Signing in at a foreign provider: where people are sent, what it says of them, and who that is here."""
