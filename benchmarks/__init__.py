"""What is measured beside something else, in one run. Linear algebra has one thread, as in the engine's workers."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy loads; threads beside a worker get in its way
