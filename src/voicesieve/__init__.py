"""voicesieve finds children's speech in public audio, proves it, and turns it into a corpus."""

__version__ = "0.1.0"
