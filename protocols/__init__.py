"""The four languages we speak, pure: bytes to values, and who may speak when.

Nothing below this package waits, logs, reads a clock, opens a socket or makes a random number: those are arguments.
"""
