"""The command line. It parses, calls and prints.

The list of commands loads no command; a command, and its own help, loads its module.
"""
