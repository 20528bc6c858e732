"""The command line. It parses, calls and prints.

Lazy, so that `--help` loads nothing heavy.
"""
