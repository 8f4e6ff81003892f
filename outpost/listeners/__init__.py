"""Twisted at the edge: the only code that touches a stranger's socket."""
