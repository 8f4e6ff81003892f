"""Would somebody be let in, through which step, and what would change the answer?"""
