"""One module for each export format. A writer gets the items one by one, in order of their ids."""
