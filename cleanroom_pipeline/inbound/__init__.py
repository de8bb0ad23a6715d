"""The inbound stage: what arrives becomes batches.

Here: AppFlow pulls, completion, manifests, the quiet-period sensor. Not here: what rows mean.
"""
