"""Recipes: one readable file each, whose header is its contract.

A contract is read from the file without running it, so that a list of recipes loads no
deep-learning library.
"""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from triage.errors import SettingsError

if TYPE_CHECKING:
    from types import ModuleType

# The recipe's name, and its file in this folder.
RECIPES: Final[dict[str, str]] = {
    "cspine": "cspine",
    "csm": "csm",
    "normal-vgg16": "normal_vgg16",
    "normal-vgg19": "normal_vgg19",
    "normal-resnet101": "normal_resnet101",
    "normal-densenet201": "normal_densenet201",
    "csxa-original": "csxa_original",
    "csxa-cropped": "csxa_cropped",
    "csxa-wide": "csxa_wide",
    "csxa-colour": "csxa_colour",
    "csxa-colour-cropped": "csxa_colour_cropped",
    "csxa-colour-wide": "csxa_colour_wide",
    "csxa-original-vgg19": "csxa_original_vgg19",
    "foraminal": "foraminal",
    "foraminal-baseline": "foraminal_baseline",
}


def find_recipe(name: str) -> ModuleType:
    """The recipe of that name.

    Raises:
        SettingsError: There is none; the message names those that there are.
    """
    return import_module(f"training.recipes.{_file_of(name)}")


def contract(name: str) -> str:
    """What the header of a recipe says.

    Raises:
        SettingsError: There is no such recipe; the message names those that there are.
    """
    source = Path(__file__).with_name(f"{_file_of(name)}.py").read_text(encoding="utf-8")
    return ast.get_docstring(ast.parse(source)) or ""


def _file_of(name: str) -> str:
    if name not in RECIPES:
        raise SettingsError(f"There is no recipe {name!r}; there are: {', '.join(RECIPES)}.")
    return RECIPES[name]
