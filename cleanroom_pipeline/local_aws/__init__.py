"""The embedded stand-in for AWS: moto's server, and the services and job runs that moto lacks.

Here: everything that plays AWS. Not here: the pipeline; nothing outside this package imports moto.
"""
