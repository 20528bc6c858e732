"""What is screened out, accepted, and tried again.

Pure functions over objects of `domain`.
"""
