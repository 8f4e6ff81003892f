"""Policies: what control alone can decide. `judge` asks them in their bindings' order; `kinds` has a file for each.

A policy that breaks, whatever the exception, counts as its binding's ``failure_result``, and leaves an event.
A store that does not answer meanwhile (`StoreTrouble`) is no failure of the policy: then nobody at control can answer.
"""
