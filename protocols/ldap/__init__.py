"""LDAP (RFC 4510 to 4519) without a socket."""
