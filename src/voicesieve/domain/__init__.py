"""The words of the design as frozen dataclasses and enums.

Only pure rules, no I/O.
"""
