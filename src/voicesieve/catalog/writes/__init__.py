"""Every change of the catalog, each function one step inside a writing transaction of the caller.

Times are epoch seconds handed in by the caller, so that tests own the clock.
"""
