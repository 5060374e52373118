"""All that must hold of a tree beyond the schemas of its objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import decisions
import delivery
import links
import writing
from view import view_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tree import Complaint, Item


def complaints(root: Path, found: Sequence[Item]) -> list[Complaint]:
    """All that does not hold."""
    view = view_of(found)
    checks = [*writing.CHECKS, *delivery.CHECKS, *links.CHECKS]
    return decisions.complaints(root, found) + [one for check in checks for one in check(view)]
