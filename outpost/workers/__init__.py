"""More cores: workers are whole outpost processes, under one parent that shares its ports among them (DESIGN D27)."""
