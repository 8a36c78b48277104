"""The systems around us: those whose lists take our priorities, and those that know the orders."""
