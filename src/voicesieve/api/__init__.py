"""The public Python interface.

`voicesieve` itself offers these names (docs/api.md); the command line goes through the same doors.
"""
