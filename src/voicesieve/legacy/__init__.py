"""Reads an earlier crawler's folders.

Opens files for reading and changes nothing.
"""
