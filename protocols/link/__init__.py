"""The wire between control and outpost: the only thing that both programs share."""
