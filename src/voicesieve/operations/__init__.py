"""What a person asks of a catalog, one module for each command."""
