"""What a person asks of a catalog, one module a command."""
