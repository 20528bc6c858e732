"""Runs functions in worker processes.

The processes themselves are a library's; this is the narrow door to it.
"""
