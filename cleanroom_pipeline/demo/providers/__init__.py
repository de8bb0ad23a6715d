"""Made-up deliveries, each laid out in S3 as its provider lays it out.

Here: one module per provider: the rows, and the objects that hold them. Not here: the people
(`demo.customers`), uploads, and what the pipeline makes of a delivery.
"""
