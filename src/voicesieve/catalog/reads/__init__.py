"""Reading the catalog: each module answers one kind of question within a connection of the caller."""
