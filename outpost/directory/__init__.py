"""The directory on the outpost: one immutable snapshot, and the LDAP tree and indices made from it (DESIGN D6)."""
