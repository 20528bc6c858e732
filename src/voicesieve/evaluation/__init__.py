"""How well a detector does on labelled clips."""
