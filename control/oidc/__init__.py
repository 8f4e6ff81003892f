"""OpenID Connect: who is told what about whom. Every decision is a plain function, every change one store verb (D19)."""
