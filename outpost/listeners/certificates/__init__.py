"""Certificates at the doors: which of ours is shown to whom, from control or from files, and what clients show."""
