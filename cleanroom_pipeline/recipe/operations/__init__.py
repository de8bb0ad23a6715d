"""Every operation of the recipe language, one module a family.

Here: reading the modules of this folder, so that each operation enters the registry. Not here:
parsing, running.
"""

from importlib import import_module
from pkgutil import iter_modules

from cleanroom_pipeline.recipe.operations.declaration import registry

__all__ = ["registry"]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
