"""The classes behind a connector: each composes the stages from what its YAML says.

Here: composition and the form of the YAML. Not here: the logic of any stage.
"""
