"""What is wrong with how an outpost is set up, in sentences."""
