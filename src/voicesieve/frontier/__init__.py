"""What to fetch next, learned from earlier decisions.

Beliefs about channels, the worth of a video, when to look for more. Pure, no I/O.
"""
