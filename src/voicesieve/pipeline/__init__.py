"""The stages as plain functions, the driver that runs them, and the engines they run on."""
