"""JSON schemas of kinds whose published definitions are packaged as Rust types.

The crates are written by kopium, one struct for each object of a definition; this reads what kopium writes and no
other Rust. What it does not understand is an error, not a gap.
"""

from __future__ import annotations

import re
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Schema = dict[str, Any]

KIND = re.compile(r'#\[kube\(group = "([^"]+)", version = "([^"]+)", kind = "([^"]+)"')
STRUCT = re.compile(r"pub struct (\w+) \{\n(.*?)\n\}", re.DOTALL)
ENUM = re.compile(r"pub enum (\w+) \{\n(.*?)\n\}", re.DOTALL)
FIELD = re.compile(r"\s*pub (?:r#)?(\w+): (.+),")
OPTION = re.compile(r"Option<(.+)>")
WORD = re.compile(r"\s*(\w+),")
RENAMED = re.compile(r'rename = "([^"]+)"')

SIMPLE: dict[str, Schema] = {
    "String": {"type": "string"},
    "bool": {"type": "boolean"},
    "i32": {"type": "integer"},
    "i64": {"type": "integer"},
    "f64": {"type": "number"},
    "IntOrString": {"type": ["integer", "string"]},
    "serde_json::Value": {},
    # Stands in statuses only, which are never written by us.
    "Condition": {"not": {}},
}


def kinds(crate: Path) -> Iterator[tuple[tuple[str, str], Schema]]:
    """The schema of each `(apiVersion, kind)` in a crate; `spec` alone, all else of an object is ours to add."""
    with tarfile.open(crate) as archive:
        for member in archive:
            if member.name.endswith(".rs") and (file := archive.extractfile(member)):
                source = file.read().decode()
                if found := KIND.search(source):
                    group, version, kind = found.groups()
                    yield (f"{group}/{version}", kind), _schema(source, found.end())


def _schema(source: str, kind_ends: int) -> Schema:
    """The schema of the struct that follows its kind."""
    root = STRUCT.search(source, kind_ends)
    if root is None:
        raise ValueError("no struct follows its kind")
    return _Types(dict(STRUCT.findall(source)), dict(ENUM.findall(source))).struct(root[2])


@dataclass(frozen=True)
class _Types:
    """The types of a file: what stands between their braces, by name."""

    structs: dict[str, str]
    enums: dict[str, str]

    def struct(self, body: str) -> Schema:
        """The schema of a struct."""
        fields: Schema = {}
        required = []
        for found, name in _lines(body, FIELD):
            optional = OPTION.fullmatch(found[2])
            if not optional:
                required.append(name)
            fields[name] = self.of(optional[1] if optional else found[2])
        return {
            "type": "object",
            "properties": fields,
            "required": required,
            "additionalProperties": False,
        }

    def of(self, rust: str) -> Schema:
        """The schema of a type."""
        outer, _, inner = rust.partition("<")
        if outer in SIMPLE:
            return SIMPLE[outer]
        if outer in self.enums:
            return {"enum": [name for _, name in _lines(self.enums[outer], WORD)]}
        if outer in self.structs:
            return self.struct(self.structs[outer])
        if outer == "Vec":
            return {"type": "array", "items": self.of(inner[:-1])}
        if outer == "BTreeMap":
            return {
                "type": "object",
                "additionalProperties": self.of(inner[:-1].removeprefix("String, ")),
            }
        raise ValueError(f"what is a `{rust}`?")


def _lines(body: str, pattern: re.Pattern[str]) -> Iterator[tuple[re.Match[str], str]]:
    """Each field or word of a body, with the name that it has outside Rust."""
    renamed = None
    for line in body.splitlines():
        if line.lstrip().startswith("#[serde"):
            renamed = RENAMED.search(line)
        elif found := pattern.fullmatch(line):
            yield found, renamed[1] if renamed else found[1]
            renamed = None
        elif not line.lstrip().startswith("//"):
            raise ValueError(f"cannot read `{line.strip()}`")
