"""Opens, decodes, measures and stores audio."""
