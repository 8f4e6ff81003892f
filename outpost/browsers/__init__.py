"""Browsers at the proxy's door: their way to control and back, their sessions, and what applications are told."""
