"""Evidence of the spoken language, and language codes."""
