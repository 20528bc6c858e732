"""Exports in the formats of other tools.

They are views of the catalog and never the source of anything.
"""
