"""Holds rendered trees against published schemas and against themselves, and proves that it would notice.

`validate FOLDER…` takes roots of git trees, laid out as `layout.py` says. Exit code 1 where anything
is wrong, 2 where it was called wrongly. `validate --self-test` runs it over samples that must pass and over spoiled
copies of them that must not. `validate --objects FILE…` holds single files against schemas alone.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import rules
import schemas
import self_test
from tree import Complaint, Item, read, read_files


def complaints(root: Path) -> tuple[list[Item], list[Complaint]]:
    """All objects of a tree, and all that is wrong with it."""
    found, wrong = read(root)
    wrong = wrong + schemas.complaints(found) + rules.complaints(root, found)
    return found, sorted(set(wrong))


def objects(files: list[Path]) -> int:
    """Holds the objects in files against schemas."""
    found, wrong = read_files(files)
    wrong = sorted(set(wrong + schemas.complaints(found)))
    for one in wrong:
        print(one, file=sys.stderr)
    print(f"{len(found)} objects in {len(files)} files, {len(wrong)} complaints")
    return 1 if wrong or not found else 0


def main(folders: list[str]) -> int:
    """Validates trees; how many objects held is told on stdout, what does not hold on stderr."""
    if folders == ["--self-test"]:
        return self_test.main()
    if folders[:1] == ["--objects"] and folders[1:]:
        return objects([Path(file) for file in folders[1:]])
    if not folders or any(not Path(folder).is_dir() for folder in folders):
        print(
            "usage: validate FOLDER…, each the root of a rendered tree; or validate --objects FILE…;"
            " or validate --self-test",
            file=sys.stderr,
        )
        return 2
    failed = False
    for folder in folders:
        found, wrong = complaints(Path(folder))
        for one in wrong:
            print(f"{folder}/{one}", file=sys.stderr)
        if not found:
            print(f"{folder}: there is no object in it", file=sys.stderr)
        failed |= bool(wrong) or not found
        kinds = Counter(item.kind for item in found)
        unchecked = sum((item.api_version, item.kind) in schemas.unverified() for item in found)
        said = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        print(
            f"{folder}: {len(found)} objects, {unchecked} of them of kinds in unverified.txt, {len(wrong)} complaints"
        )
        print(f"   {said}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
