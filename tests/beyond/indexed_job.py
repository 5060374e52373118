"""What `whatif --emit indexed-job` writes: right by the published schema, and run as a kubelet would run it."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import yaml
from common import PERIPLUS, answer, fresh, kept, main, must, plain, said, same_tables

if TYPE_CHECKING:
    from pathlib import Path

# The oldest that has all fields by default, and the newest that is published.
VERSIONS = ["1.29", "1.37"]
CONFIG_MAP_BYTES_MAX = 1 << 20

HARBOUR = [
    "whatif",
    "docs/guide/voyage/harbour.yaml",
    "--vary",
    "demand.growth=1,2",
    "--seeds",
    "4",
]
# With files in other folders, and texts that a shell or Kubernetes would take for something else.
MELBOURNE = ["whatif", "scenarios/melbourne.yaml", "--seeds", "3", "--rows", "cluster"]
HOSTILE = ["--set", """story=$(JOB_COMPLETION_INDEX) $$(HOME) `id` "quoted" 'too' \\ # : {a: 1}"""]
CLAIM = ["--claim", "studies", "--out", "june/study"]

EMITTED = {
    "an object store": [*HARBOUR, "--out", "s3://bucket/harbour", "--credentials", "store"],
    "an account": [*HARBOUR, "--out", "gs://bucket/harbour", "--service-account", "sweeper"],
    "claims for all": [*MELBOURNE, *CLAIM, "--scenario-claim", "days", "--fail-if", "cost > +5%"],
    "a claim": [*HARBOUR, *CLAIM],
    "many files": [*MELBOURNE, *HOSTILE, *CLAIM],
}


def emitted(args: list[str], shards: int) -> list[dict[str, Any]]:
    """The documents, which are the same each time."""
    command = [*args, "--emit", "indexed-job", "--shards", str(shards)]
    text = answer(command)
    must(answer(command) == text, f"{args} is emitted in two ways")
    return list(yaml.safe_load_all(text))


def is_right(document: dict[str, Any]) -> None:
    """Holds a document to the schema, and to what no schema says."""
    for version in VERSIONS:
        kubernetes_validate.validate(document, version, strict=True)
    name = document["metadata"]["name"]
    # Behind a Job's name stand an index and five letters, in a label of at most 63.
    must(re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name) and len(name) <= 52, name)
    if document["kind"] == "ConfigMap":
        size = sum(len(key) + len(text.encode()) for key, text in document["data"].items())
        must(size <= CONFIG_MAP_BYTES_MAX, f"{size} bytes")
        must(all(re.fullmatch(r"[-._a-zA-Z0-9]+", key) for key in document["data"]), name)


class Kubelet:
    """Runs a Job's pods as the kubelet would: volumes become folders, arguments are expanded, no shell."""

    def __init__(self, documents: list[dict[str, Any]], place: Path) -> None:
        self.config = documents[0]
        self.place = place

    def mounted(self, pod: dict[str, Any]) -> dict[str, Path]:
        """The folder of each mount."""
        folders = {}
        for volume in pod["volumes"]:
            folder = self.place / volume["name"]
            folder.mkdir(exist_ok=True)
            folders[volume["name"]] = folder
            for item in volume.get("configMap", {}).get("items", []):
                path = folder / item["path"]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self.config["data"][item["key"]].encode())
        mounts = pod["containers"][0]["volumeMounts"]
        return {mount["mountPath"]: folders[mount["name"]] for mount in mounts}

    def run(self, job: dict[str, Any], index: int | None) -> subprocess.CompletedProcess[str]:
        """Runs one pod."""
        pod = job["spec"]["template"]["spec"]
        variables = {} if index is None else {"JOB_COMPLETION_INDEX": str(index)}
        mounts = self.mounted(pod)
        args = [expanded(arg, variables) for arg in pod["containers"][0]["args"]]
        for path, folder in mounts.items():
            args = [re.sub(f"^(--out=)?{path}/", rf"\g<1>{folder}/", arg) for arg in args]
        environment = plain({**variables, "TMPDIR": str(mounts["/tmp"])})
        return subprocess.run(
            [PERIPLUS, *args], env=environment, capture_output=True, text=True, check=False
        )


def expanded(arg: str, variables: dict[str, str]) -> str:
    """An argument as Kubernetes hands it on: `$$` is `$`, `$(NAME)` a variable if there is one."""

    def one(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else variables.get(found[1], found[0])

    return re.sub(r"\$\$|\$\(([^)]*)\)", one, arg)


def runs_as_it_is_emitted(args: list[str], shards: int, place: Path) -> None:
    """All indexes, in no order, one of them twice, and then the merge, come to what one machine comes to."""
    direct = [arg for arg in args if arg not in CLAIM]
    alone = answer([*direct, "--out", str(place / "alone")])
    documents = emitted(args, shards)
    kubelet = Kubelet(documents, place)
    for index in [*reversed(range(shards)), 0]:
        done = kubelet.run(documents[1], index)
        must(done.returncode == 0, f"index {index}: {done.stderr}")
    merge = documents[2]
    must(merge["spec"]["suspend"], "the second Job waits")
    merged = kubelet.run(merge, None)
    must(merged.returncode == 0 and merged.stdout == alone, f"{merged.stdout} {merged.stderr}")
    found = kept(place / "study/june/study")
    same_tables(place / "alone", found)
    parts = [name for name in found if name.startswith("parts/") and name.endswith(".parquet")]
    must(len(parts) == shards, f"{parts}")


def driver() -> None:
    """The whole of it."""
    for what, args in EMITTED.items():
        documents = emitted(args, 3)
        for document in documents:
            is_right(document)
        kinds = [document["kind"] for document in documents]
        wanted = ["Job", "Job"] if "--scenario-claim" in args else ["ConfigMap", "Job", "Job"]
        must(kinds == wanted, f"{kinds}")
        said(f"{what}: {len(documents)} documents are right in {' and '.join(VERSIONS)}")
    for name, args, shards in [("harbour", "a claim", 5), ("melbourne", "many files", 2)]:
        runs_as_it_is_emitted(EMITTED[args], shards, fresh(f"indexed-job/{name}"))
        said(f"{name}: {shards} indexes and the merge come to what one machine comes to")


if __name__ == "__main__":
    main(driver)
