"""JSON schemas of the short form in which `fields.yaml` says what a kind may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pathlib import Path

Schema = dict[str, Any]

SIMPLE: dict[str, Schema] = {
    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    "port": {"type": ["integer", "string"]},
    "text": {"type": "string"},
    "whole": {"type": "integer"},
    "yesno": {"type": "boolean"},
}


def kinds(file: Path) -> dict[tuple[str, str], Schema]:
    """The schema of each `(apiVersion, kind)`, of `spec` alone."""
    said = yaml.safe_load(file.read_text())
    return {tuple(kind.split()): _schema(spec) for kind, spec in said.items()}


def _schema(said: str | list[Any] | dict[str, Any]) -> Schema:
    match said:
        case dict():
            return {
                "type": "object",
                "properties": {name.rstrip("!"): _schema(one) for name, one in said.items()},
                "required": [name.rstrip("!") for name in said if name.endswith("!")],
                "additionalProperties": False,
            }
        case [item]:
            return {"type": "array", "items": _schema(item)}
        case str() if " | " in said:
            return {"enum": said.split(" | ")}
    return SIMPLE[said]
