"""Passwords: what they must be like, how they are kept, and how they are changed."""
