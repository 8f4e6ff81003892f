"""LDAP directories as sources: their people's passwords are tried there, and people and groups may be taken over.

A directory learns a password only to compare it, so that it answers neither CHAP nor MS-CHAPv2.
"""
