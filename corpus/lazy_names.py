"""Names of a package that are imported when they are first used, so that its public face costs nothing.

    __getattr__, __dir__ = lazy_names(__name__, {"prep.corpus.errors": "PrepError RunError"})

Source: PEP 562, "Module __getattr__ and __dir__".
"""

from collections.abc import Callable, Mapping
from importlib import import_module


def lazy_names(package: str, modules: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return a package's `__getattr__` and `__dir__`; `modules` gives the names by the module that holds them."""
    places = {name: module for module, names in modules.items() for name in names.split()}

    def get(name: str) -> object:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(places[name]), name)

    return get, lambda: sorted(places)
