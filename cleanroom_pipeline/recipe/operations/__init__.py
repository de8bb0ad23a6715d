"""Every operation of the recipe language, one module a family.

Here: the modules, read so that each operation enters the registry. Not here: parsing, running.
"""

from cleanroom_pipeline.recipe.operations import (
    cleaning,
    columns,
    filling,
    functions,
    masks,
    pii,
    quality,
    structure,
    substitution,
)
from cleanroom_pipeline.recipe.operations.declaration import registry

__all__ = [
    "cleaning",
    "columns",
    "filling",
    "functions",
    "masks",
    "pii",
    "quality",
    "registry",
    "structure",
    "substitution",
]
