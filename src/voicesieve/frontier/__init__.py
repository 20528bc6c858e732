"""What to take next: beliefs about channels, what a video is worth, and when to look for more. Pure; no I/O."""
