"""Pure deciding that control and outpost both run, so that they cannot disagree."""
