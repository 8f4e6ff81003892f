"""Expressions that administrators write, in Python's syntax, interpreted over a whitelist (DESIGN D18).

`syntax` reads and refuses, `compilation`, `expressions` and `statements` turn what was read into closures once, and
`program` runs them. What an expression can touch is what `methods`, `builtins` and the names that it was given hand
out, each of them ours: nothing is ever looked up on a Python object, and nothing of Python's own is ever called.
"""
