"""The data folder of one machine, its lock and its files."""
