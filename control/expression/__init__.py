"""Expressions that administrators write, in Python's syntax, interpreted over a whitelist (DESIGN D18).

`syntax` reads and refuses, `compilation`, `expressions` and `statements` turn what was read into closures once, and
`program` runs them. What an expression can touch is what `methods`, `vocabulary` and the names of `environment` hand
out, each of them ours: nothing is ever looked up on a Python object, and nothing of Python's own is ever called.
`evaluation` is the way in: one question, one run, and its value, messages and steps.
"""
