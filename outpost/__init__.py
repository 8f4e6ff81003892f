"""The process that strangers talk to: LDAP, RADIUS and HTTP listeners on one Twisted reactor."""

__version__ = "0.1.0"
