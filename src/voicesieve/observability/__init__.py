"""Events, and the log, metrics and display that show them."""
