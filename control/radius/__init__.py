"""What control tells outposts of RADIUS, keeps of its sessions, and orders NAS to do."""
