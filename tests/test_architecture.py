"""Imports go one way, from the commands down to the values; nothing reaches around a room."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A name stands for the module and, when it is a package, for everything in it that has no more
# particular name here. A module may import its own level and the levels above it in this table.
LEVELS = {
    "values": {
        "triage",
        "triage.codes",
        "triage.errors",
        "triage.hl7.values",
        "triage.owners",
        "triage.settings",
        "triage.uids",
        "triage.values",
    },
    "resources": {
        "triage.intake",
        "triage.log",
        "triage.loopback",
        "triage.presence",
        "triage.store",
        "triage.vision",
        "triage.watchdog",
    },
    "decisions": {
        "triage.decision",
        "triage.hl7",
        "triage.intake.eligibility",
        "triage.report",
        "triage.ups",
        "triage.worklist",
    },
    "what loops share": {
        "triage.conclude",
        "triage.delivery.answers",
        "triage.delivery.association",
        "triage.delivery.backoff",
        "triage.delivery.lane",
        "triage.delivery.reactor",
        "triage.filing",
        "triage.hl7.mllp",
        "triage.modes",
        "triage.ups.dimse",
        "triage.ups.events",
        "triage.ups.moving",
        "triage.ups.searching",
        "triage.ups.selection",
        "triage.ups.service",
        "triage.ups.steps",
        "triage.ups.watching",
        "triage.ups.writing",
    },
    "loops": {
        "triage.clock",
        "triage.delivery",
        "triage.hl7.desk",
        "triage.hl7.server",
        "triage.intake.adoption",
        "triage.intake.agreement",
        "triage.intake.group_commit",
        "triage.intake.listener",
        "triage.intake.storing",
        "triage.receivers",
        "triage.vision.worker",
        "triage.web",
    },
    "service": {"triage.roles", "triage.service"},
    "commands": {"triage.__main__", "triage.cli", "triage.commands", "triage.demo"},
}
ORDER = list(LEVELS)

# What a decision follows from is handed to it: it neither asks nor waits nor logs. Types it may
# name, such as the records of the store.
EFFECTS = {
    "asyncio",
    "multiprocessing",
    "socket",
    "sqlite3",
    "subprocess",
    "threading",
    "triage.log",
    "triage.store",
}

# Each outside library is spoken to in one room.
ONLY_IN = {
    "apscheduler": {"triage.clock"},
    "hl7": {"triage.hl7"},
    "sqlalchemy": {"triage.store"},
    "sqlite3": {"triage.store"},
    "starlette": {"triage.web"},
    "torch": {"triage.vision", "training"},
    "uvicorn": {"triage.web"},
}

# The rooms of training in the order of a film's way: each may import those that stand before it.
TRAINING_ORDER = (
    "errors",
    "values",
    "files",
    "predictions",
    "progress",
    "processes",
    "statistics",
    "phantom",
    "sources",
    "baselines",
    "films",
    "networks",
    "loop",
    "tables",
    "comparison",
    "bundle",
    "certify",
    "trial",
    "spine",
    "report",
    "recipes",
    "commands",
    "cli",
    "__main__",
)

TRAINING_MAY_IMPORT = {
    "triage.codes",
    "triage.decision",
    "triage.errors",
    "triage.uids",
    "triage.values",
    "triage.vision",
}


def modules_of(package):
    """Return the files of a package by the names of their modules."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules_of("triage") | modules_of("training")


def imports_of(source, module, *, is_package=False, for_types=True):
    """Return the modules that a source imports anywhere in it, with or without those for types."""
    found = set()
    tree = ast.parse(source)
    if not for_types:
        tree = _WithoutTypes().visit(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, module, is_package)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                found.add(inner if inner in MODULES else base)
    return found


class _WithoutTypes(ast.NodeTransformer):
    """Takes out what only the type checker sees."""

    def visit_If(self, node):
        if ast.unparse(node.test).endswith("TYPE_CHECKING"):
            return None
        return self.generic_visit(node)


def _base(node, module, is_package):
    if not node.level:
        return node.module
    package = module.split(".") if is_package else module.split(".")[:-1]
    package = package[: len(package) - node.level + 1]
    return ".".join([*package, *([node.module] if node.module else [])])


def listing_of(module, names):
    """Return the most particular of some names that stands for a module, or None."""
    while module:
        if module in names:
            return module
        module = module.rpartition(".")[0]
    return None


def level_of(module):
    """Return the place of a module's level; fail for one that the table does not know."""
    every = set().union(*LEVELS.values()) - {"triage"}
    name = "triage" if module == "triage" else listing_of(module, every)
    if name is None:
        pytest.fail(f"{module} has no level: give it one in tests/test_architecture.py")
    return next(place for place, level in enumerate(ORDER) if name in LEVELS[level])


def room_of(module):
    """Return the folder or file directly under the package that a module belongs to."""
    return ".".join(module.split(".")[:2])


def faults_of(module, imported):
    """Return what is wrong with the imports of one module."""
    if module.partition(".")[0] == "training":
        faults = _faults_of_training(module, imported)
    else:
        faults = _faults_of_triage(module, imported)
    for library, rooms in ONLY_IN.items():
        if listing_of(module, rooms) is None and any(
            listing_of(name, {library}) for name in imported
        ):
            faults.append(f"{library} is imported outside {' and '.join(sorted(rooms))}")
    return faults


def _faults_of_training(module, imported):
    theirs = [name for name in imported if name.split(".")[0] == "triage" and name != "triage"]
    faults = [
        f"training must not depend on {name}"
        for name in theirs
        if listing_of(name, TRAINING_MAY_IMPORT) is None
        or listing_of(name, LEVELS["loops"]) is not None
    ]
    rooms = {room_of(name) for name in imported if _trains(name)} - {"training"}
    place = _place_in_training(module)
    return [
        *faults,
        *(f"{room} comes after" for room in sorted(rooms) if _place_in_training(room) > place),
    ]


def _place_in_training(module):
    """Return the place of a module's room; the package itself stands before all of them."""
    room = room_of(module).partition(".")[2]
    return TRAINING_ORDER.index(room) if room else -1


def _faults_of_triage(module, imported):
    faults = [f"{name}: triage never imports training" for name in imported if _trains(name)]
    own = level_of(module)
    for name in sorted(name for name in imported if name.split(".")[0] == "triage"):
        other = level_of(name)
        if other > own:
            faults.append(f"{name} is {ORDER[other]}, above {ORDER[own]}")
        if own == other == ORDER.index("loops") and room_of(name) != room_of(module):
            faults.append(f"{name} is another loop: they meet in the store")
    return faults


def effects_of(module, imported):
    """Return which of the imports have effects, when the module is one that must not."""
    if module.startswith("training") or level_of(module) != ORDER.index("decisions"):
        return []
    return [f"{name} has effects" for name in imported if listing_of(name, EFFECTS)]


def _trains(name):
    return name.partition(".")[0] == "training"


def faults_in(source, module, *, is_package=False):
    """Return all that is wrong with the imports of a source."""
    return [
        *faults_of(module, imports_of(source, module, is_package=is_package)),
        *effects_of(module, imports_of(source, module, is_package=is_package, for_types=False)),
    ]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_stands_below_it(module):
    path = MODULES[module]
    source = path.read_text(encoding="utf-8")
    assert faults_in(source, module, is_package=path.name == "__init__.py") == []


@pytest.mark.parametrize("name", sorted(set().union(*LEVELS.values())))
def test_every_name_in_the_table_of_levels_is_a_module(name):
    assert name in MODULES


def test_a_module_that_has_no_level_fails():
    with pytest.raises(pytest.fail.Exception, match=r"triage\.novelty has no level"):
        level_of("triage.novelty")


@pytest.mark.parametrize(
    ("module", "source", "fault"),
    [
        ("triage.values", "import triage.store", "above values"),
        ("triage.values", "def late():\n    from triage.log import get_logger", "above values"),
        ("triage.store.images", "from ..web import app", "above resources"),
        ("triage.log", "from triage import service", "above resources"),
        ("triage.decision.decide", "from triage.store import Store", "has effects"),
        ("triage.report", "import subprocess", "has effects"),
        ("triage.web.app", "from triage.delivery import courier", "another loop"),
        ("triage.clock", "import triage.web.app", "another loop"),
        ("triage.cli", "from training import cli", "never imports training"),
        ("triage.web.api", "from sqlalchemy import select", "sqlalchemy is imported outside"),
        ("triage.report", "import torch.nn", "torch is imported outside"),
        (
            "training.spine.fitting",
            "from triage.store import Store",
            "must not depend on triage.store",
        ),
        (
            "training.spine.fitting",
            "import triage.vision.worker",
            "must not depend on triage.vision.worker",
        ),
        ("training.loop.fit", "from training.recipes import csm", "training.recipes comes after"),
    ],
)
def test_an_import_that_goes_the_wrong_way_is_found(module, source, fault):
    faults = faults_in(source, module)
    assert any(fault in found for found in faults), faults


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("triage.cli", "from triage import __version__, service"),
        ("triage.web.app", "from triage.web import pages\nfrom triage.store import Store"),
        ("triage.delivery.courier", "from triage.report import as_comprehensive"),
        ("triage.intake.listener", "from triage.intake.eligibility import judge"),
        ("triage.worklist.ups", "if TYPE_CHECKING:\n    from triage.store import StudyRecord"),
        ("training.recipes.csm", "from training.loop import fit"),
        ("training.spine.fitting", "import torch\nfrom triage.vision.networks import build"),
    ],
)
def test_an_import_that_goes_down_is_left_alone(module, source):
    assert faults_in(source, module) == []
