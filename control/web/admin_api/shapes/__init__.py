"""Records as JSON bodies with authentik's fields. Each function takes many at once, to ask the store once."""
