"""Videos of one to ten minutes made from labelled clips, with the truth of every second.

    python -m tests.simulated_videos --corpora DIR --output DIR --count 70 --seed 1 --evaluate network

``DIR`` holds corpora with a ``metadata.csv`` each (docs/evaluation.md); only their held-out speakers are used. Without
``--corpora`` the synthetic voices of the demo speak.
"""
