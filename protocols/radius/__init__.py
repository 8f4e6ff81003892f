"""RADIUS (RFC 2865, 2866, 2869, 3579, 5080) without a socket."""
