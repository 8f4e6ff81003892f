"""Forward-auth and HTTP, without a socket."""
