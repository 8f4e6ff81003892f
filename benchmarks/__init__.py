"""Speed and size, measured: the harness, its load generators and dated results."""
