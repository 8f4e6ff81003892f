"""The outpost's end of the link to control: what it follows, asks and reports."""
