"""Keys and certificates that control makes."""
