"""Rights screening, acceptance and retry rules: pure functions over domain objects."""
