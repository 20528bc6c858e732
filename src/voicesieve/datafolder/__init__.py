"""The data folder of one machine: its layout, its lock, and which of its files are ours."""
