"""EAP (RFC 3748) as its server speaks it: TLS, PEAPv0, TTLS and MSCHAPv2 outside, GTC and MSCHAPv2 in tunnels.

No EAP-MD5 and no EAP-PWD: one sends what can be guessed from outside, the other has a history of holes.
"""
