"""The one durable store.

Nothing outside this package holds SQL.
"""
