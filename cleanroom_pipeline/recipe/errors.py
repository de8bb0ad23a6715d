"""What can stop a run.

Here: the errors of a run that has begun; none of them holds a cell. Not here: what is wrong with a
recipe (findings.py) or with a file (files.py).
"""


class EngineError(RuntimeError):
    """A run that could not be finished; the message holds no value of any row."""


class OutOfMemoryError(EngineError):
    """A run that needs more than its memory limit, or than its scratch folder's disk."""


class UnmaskableValueError(EngineError):
    """A cell that a step must hide and can't treat exactly."""


class CipherError(EngineError):
    """A key that can't be used, or a cell that can't be encrypted or decrypted with it."""


class SecretError(EngineError):
    """A secret that is not there, or not of the form DataBrew keeps its keys in."""
