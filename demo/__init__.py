"""A small web site on this machine with clips of every kind, to see voicesieve work without a network."""
