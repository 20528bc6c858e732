"""Where candidates come from: one `Source` per kind of place, asked page by page."""
