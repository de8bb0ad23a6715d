"""The notify stage: people are told how a run ended.

Here: sensors on run status, the job they start, its op. Not here: why a run ended as it did.
"""
