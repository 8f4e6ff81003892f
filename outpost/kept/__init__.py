"""What an outpost keeps, to serve whom it knows while control is away: in memory, and sealed on disk."""
