"""Proves that the validator would notice: samples pass, and spoiled copies of them do not.

Of each sample, every mapping is given a field that nobody knows, every value is made one of a wrong type, and what
the sample itself says is spoiled, a required field taken out or a word put in that is none. Trees are spoiled file by
file as `samples/tree.yaml` says.
"""

from __future__ import annotations

import copy
import re
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rules
import schemas
import yaml
from tree import Item, Object, read

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLES = Path(__file__).resolve().parent / "samples"
SPOIL = re.compile(r"^#! (remove|set|open) (\S+) ?(.*)$", re.MULTILINE)

STRANGER = "periplusStranger"
NO_VALUE = {STRANGER: [[1]]}


@dataclass(frozen=True)
class Trial:
    """An object, and whether it must pass."""

    kind: str
    what: str
    how: str
    object: Object


def main() -> int:
    """Runs all trials and prints how each kind fared."""
    passed, wrong = _schemas()
    more, worse = _trees()
    for one in wrong + worse:
        print(f"FAILED: {one}", file=sys.stderr)
    print(f"{passed + more} passed, {len(wrong) + len(worse)} failed")
    return 1 if wrong or worse else 0


def _schemas() -> tuple[int, list[str]]:
    trials = [
        trial
        for file in sorted(SAMPLES.glob("*.yaml"))
        if file.name != "tree.yaml"
        for trial in _trials(file)
    ]
    stranger = {"apiVersion": "example.net/v1", "kind": "Stranger", "metadata": {"name": "x"}}
    trials.append(Trial("a kind that nobody knows", "as it is", "unknown field", stranger))
    said: dict[str, list[str]] = {}
    items = [Item(str(place), trial.object) for place, trial in enumerate(trials)]
    for complaint in schemas.complaints(items):
        said.setdefault(complaint.path, []).append(complaint.what)
    table: dict[str, Counter[str]] = {}
    wrong = []
    for place, trial in enumerate(trials):
        complaints = said.get(str(place), [])
        if bool(complaints) == (trial.how == "good"):
            wrong.append(f"{trial.kind}, {trial.what}: {complaints or 'nobody complains'}")
        else:
            table.setdefault(trial.kind, Counter())[trial.how] += 1
    hows = ["good", "unknown field", "wrong type", "missing field", "wrong value"]
    print(f"{'':<62}{''.join(f'{how:>15}' for how in hows)}")
    for kind, counts in table.items():
        print(f"{kind:<62}{''.join(f'{counts[how]:>15}' for how in hows)}")
    return len(trials) - len(wrong), wrong


def _trials(file: Path) -> Iterator[Trial]:
    for source in re.split(r"^---$", file.read_text(), flags=re.MULTILINE):
        sample = yaml.safe_load(source)
        kind = f"{sample['apiVersion']} {sample['kind']}"
        spoils = SPOIL.findall(source)
        free = [path for verb, path, _ in spoils if verb == "open"]
        yield Trial(kind, "as it is", "good", sample)
        for path, value in _all(sample, []):
            where = ".".join(str(key) for key in path)
            if (
                not path
                or path[0] in {"apiVersion", "kind"}
                or any(where.startswith(one) for one in free)
            ):
                continue
            if isinstance(value, dict):
                yield Trial(
                    kind,
                    f"stranger in {where}",
                    "unknown field",
                    _with(sample, [*path, STRANGER], [[1]]),
                )
            elif not isinstance(value, list):
                yield Trial(
                    kind, f"wrong type of {where}", "wrong type", _with(sample, path, NO_VALUE)
                )
        yield Trial(kind, "stranger", "unknown field", _with(sample, [STRANGER], [[1]]))
        for verb, where, value in spoils:
            path = _path(sample, where)
            if verb == "remove":
                yield Trial(kind, f"without {where}", "missing field", _without(sample, path))
            elif verb == "set":
                spoiled = _with(sample, path, yaml.safe_load(value))
                yield Trial(kind, f"{where} is {value}", "wrong value", spoiled)


def _all(value: object, path: list[Any]) -> Iterator[tuple[list[Any], object]]:
    """All that is in a value, and where."""
    yield path, value
    entries = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, one in entries:
        yield from _all(one, [*path, key])


def _path(sample: Object, where: str) -> list[Any]:
    """The keys that a path such as `spec.rules.0.name` names; a key may hold dots itself, if it is the last."""
    keys: list[Any] = []
    value: Any = sample
    rest = where
    while rest:
        whole = isinstance(value, dict) and rest in value
        key, _, rest = (rest, "", "") if whole else rest.partition(".")
        keys.append(int(key) if isinstance(value, list) else key)
        value = value[keys[-1]]
    return keys


def _with(sample: Object, path: list[Any], value: object) -> Object:
    spoiled = copy.deepcopy(sample)
    _at(spoiled, path[:-1])[path[-1]] = value
    return spoiled


def _without(sample: Object, path: list[Any]) -> Object:
    spoiled = copy.deepcopy(sample)
    del _at(spoiled, path[:-1])[path[-1]]
    return spoiled


def _at(value: Any, path: list[Any]) -> Any:  # noqa: ANN401 - YAML is anything
    for key in path:
        value = value[key]
    return value


def _trees() -> tuple[int, list[str]]:
    """A small tree holds, and each of its spoiled copies gets the complaint that is wanted."""
    wrong = []
    whole = _told(None)
    if whole:
        wrong.append(f"the tree as it is: {whole}")
    spoils = yaml.safe_load((SAMPLES / "tree.yaml").read_text())
    for spoil in spoils:
        told = _told(spoil)
        if not any(spoil["complaint"] in one for one in told):
            wrong.append(f"{spoil}: only {told or 'nothing'}")
    print(f"{'a tree, spoiled in its files':<62}{1:>15}{len(spoils):>15}")
    return len(spoils) + 1 - len(wrong), wrong


def _told(spoil: dict[str, str] | None) -> list[str]:
    """What is said about the tree, or about a copy of which a file is spoiled."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "tree"
        shutil.copytree(SAMPLES / "tree", root)
        if spoil:
            file = root / spoil["file"]
            before = file.read_text() if file.exists() else ""
            replaced = spoil.get("replace", before)
            if replaced not in before:
                return [f"{spoil['file']} does not hold {replaced!r}"]
            by = spoil.get("by", replaced)
            after = before.replace(replaced, by) if replaced else by
            target = root / spoil.get("to", spoil["file"])
            file.unlink(missing_ok=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(after, newline="")
        found, complaints = read(root)
        return [str(one) for one in complaints + rules.complaints(root, found)]
