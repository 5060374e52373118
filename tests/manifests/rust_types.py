"""JSON schemas of kinds whose published definitions are packaged as Rust types.

The crates are written by kopium, one struct for each object of a definition; this reads what kopium writes and no
other Rust. What it does not understand is an error, not a gap.
"""

from __future__ import annotations

import re
import tarfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Schema = dict[str, Any]

KIND = re.compile(r'#\[kube\(group = "([^"]+)", version = "([^"]+)", kind = "([^"]+)"')
STRUCT = re.compile(r"pub struct (\w+) \{\n(.*?)\n\}", re.DOTALL)
ENUM = re.compile(r"pub enum (\w+) \{\n(.*?)\n\}", re.DOTALL)
FIELD = re.compile(r"\s*pub (?:r#)?(\w+): (.+),")
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
}
# Statuses are never written by us.
STATUS_ONLY = {"Condition"}


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
    structs = dict(STRUCT.findall(source))
    words = dict(ENUM.findall(source))
    root = STRUCT.search(source, kind_ends)
    if root is None:
        raise ValueError("no struct follows its kind")

    def of(rust: str) -> Schema:
        if rust in SIMPLE:
            return SIMPLE[rust]
        if rust in STATUS_ONLY:
            return {"not": {}}
        if rust in words:
            return {"enum": [name for _, name in _lines(words[rust], WORD)]}
        if rust in structs:
            return struct(structs[rust])
        if rust.startswith("Vec<"):
            return {"type": "array", "items": of(rust[4:-1])}
        if rust.startswith("BTreeMap<String, "):
            return {"type": "object", "additionalProperties": of(rust[17:-1])}
        raise ValueError(f"what is a `{rust}`?")

    def struct(body: str) -> Schema:
        fields: Schema = {}
        required = []
        for found, name in _lines(body, FIELD):
            rust = found[2]
            if rust.startswith("Option<"):
                rust = rust[7:-1]
            else:
                required.append(name)
            fields[name] = of(rust)
        return {
            "type": "object",
            "properties": fields,
            "required": required,
            "additionalProperties": False,
        }

    return struct(root[2])


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
