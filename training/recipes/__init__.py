"""Recipes: one readable file each, whose header is its contract."""

from types import ModuleType

from training.recipes import cspine
from triage.errors import SettingsError

RECIPES: dict[str, ModuleType] = {cspine.NAME: cspine}


def find_recipe(name: str) -> ModuleType:
    """The recipe of that name.

    Raises:
        SettingsError: There is none; the message names those that there are.
    """
    if name not in RECIPES:
        raise SettingsError(f"There is no recipe {name!r}; there are: {', '.join(RECIPES)}.")
    return RECIPES[name]
