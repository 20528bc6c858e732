"""Words of the design as frozen dataclasses and enums, with the pure rules that bind them. No I/O."""
