"""One machine's data folder, its lock and files."""
