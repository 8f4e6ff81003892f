"""Property mappings: expressions that say what applications, NAS and directories are told of a person.

`defaults` has those that every store begins with; `answers` runs several for one question and keeps what broke.
"""
