"""One module for each export format. A writer gets the items one after another, in order of their id."""
