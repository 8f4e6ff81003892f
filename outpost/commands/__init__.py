"""Commands beside the running program, and what they say of themselves."""
