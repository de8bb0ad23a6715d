"""A first look at the pipeline, with made-up people and no AWS account.

Here: made-up data, and the walk through one delivery of each kind. Not here: the pipeline.
"""
