"""OpenID Connect: who is told what about whom. Decisions are plain functions, changes single verbs (D19)."""
