"""The command line: thin, and lazy, so that `--help` loads nothing heavy."""
