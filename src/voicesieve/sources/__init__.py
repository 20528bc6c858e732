"""Where videos are found, one kind of place a module.

Each source is asked page by page.
"""
