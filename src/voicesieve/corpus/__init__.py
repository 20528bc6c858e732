"""Exports: views of the catalog in formats that other tools read. They are never the source of anything."""
