"""A study in an S3 that another project wrote: shards, one of them killed, and what is told when the store fails."""

from __future__ import annotations

import urllib.request
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from common import (
    PERIPLUS,
    answer,
    answered,
    free_port,
    fresh,
    killed,
    main,
    must,
    running,
    said,
    same_tables,
    until,
)

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

MOTO = ".tools/beyond/bin/moto_server"
SECRETS = {"AWS_SECRET_ACCESS_KEY": "hiddenSecret/Key+1", "AWS_SESSION_TOKEN": "hiddenToken1"}

# The server looks for a signature, and not at it.
SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=somebody/20260105/us-east-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=0"
}

# Long enough to be killed midway, and with a table that is too large for one request.
STUDY = ["whatif", "scenarios/melbourne.yaml", "--vary", "demand.growth=1.5,2", "--seeds", "8"]
ROWS = ["--rows", "zone,cluster,hour"]
RUNS = 24
SHARDS = 4
LARGE = 5 << 20


class Store:
    """The server, and a look at what it has that does not go through periplus."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "somebody",
            **SECRETS,
        }

    def ask(self, path: str, method: str = "GET") -> bytes:
        """What it answers."""
        request = urllib.request.Request(self.url + path, headers=SIGNED, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.read()

    def up(self) -> bool:
        """Whether it has a bucket, which is made as soon as it can be."""
        try:
            return self.ask("/studies", "PUT") is not None
        except OSError:
            return False

    def names(self, prefix: str) -> list[str]:
        """The names of all objects behind a prefix, without it."""
        names: list[str] = []
        more = ""
        while True:
            page = ET.fromstring(self.ask(f"/studies?list-type=2&prefix={prefix}/{more}"))
            space = page.tag.removesuffix("ListBucketResult")
            names += [key.text or "" for key in page.iter(f"{space}Key")]
            token = page.findtext(f"{space}NextContinuationToken")
            if not token:
                return [name.removeprefix(f"{prefix}/") for name in names]
            more = f"&continuation-token={token}"

    def objects(self, prefix: str) -> dict[str, bytes]:
        """All objects behind a prefix."""
        return {name: self.ask(f"/studies/{prefix}/{name}") for name in self.names(prefix)}


def served(store: Store, log: Path) -> subprocess.Popen[bytes]:
    """The server as it runs."""
    port = store.url.rpartition(":")[2]
    return running([MOTO, "-H", "127.0.0.1", "-p", port], log=log)


def shard(number: int) -> list[str]:
    """The command of a shard."""
    return [*STUDY, *ROWS, "--out", "s3://studies/far/away", "--shard", f"{number}/{SHARDS}"]


def runs_in(store: Store, prefix: str) -> int:
    """How many runs are kept."""
    return sum(name.startswith("runs/") for name in store.names(prefix))


def killed_midway(store: Store) -> None:
    """Kills a shard when it has kept some of its runs, and not all."""
    with running([PERIPLUS, *shard(2), "--jobs", "1"], store.environment) as process:
        until(lambda: runs_in(store, "far/away") >= 2, "two runs are kept")
        killed(process)
    count = runs_in(store, "far/away")
    must(2 <= count < RUNS // SHARDS, f"{count} runs are kept, so that nothing was cut short")
    must(process.returncode == -9, f"it ended with {process.returncode}")
    parts = [name for name in store.names("far/away") if name.endswith(".parquet")]
    must(not parts, f"there are {parts} already")
    said(f"a shard was killed with {count} of {RUNS // SHARDS} runs")


def many_machines_come_to_what_one_comes_to(store: Store, place: Path) -> None:
    """Shards, one of them killed and retried, one run twice; then the answer."""
    alone = answer([*STUDY, *ROWS, "--out", str(place / "alone")])
    killed_midway(store)
    for number in [2, 1, 4, 3, 1]:
        answer(shard(number), store.environment)
    merged = answer(shard(1)[:-2], store.environment)
    must(merged == alone, f"another answer:\n{merged}")
    objects = store.objects("far/away")
    same_tables(place / "alone", objects)
    large = [name for name, found in objects.items() if len(found) > LARGE]
    must(large, f"no table is larger than {LARGE} bytes, so that none was sent in parts")
    runs = {name for name in objects if name.startswith("runs/")}
    parts = {f"parts/runs-{number:04}-of-0004.parquet" for number in range(1, SHARDS + 1)}
    tables = {path.name for path in (place / "alone").iterdir() if path.is_file()}
    must(len(runs) == RUNS, f"{len(runs)} runs are kept, not {RUNS}")
    more = set(objects) - runs - parts - tables - {"parts/split.json"}
    must(parts <= set(objects) and not more, f"parts {sorted(objects)}, and {more}")
    for name, found in objects.items():
        must(not any(secret.encode() in found for secret in SECRETS.values()), f"{name}: a secret")
    said(f"{RUNS} runs in {SHARDS} shards come to what one machine comes to; {large} in parts")


def told(args: list[str], store: Store, *wanted: str) -> None:
    """A command that fails says what is wanted, and nothing secret."""
    failed = answered(args, store.environment)
    must(failed.returncode == 4, f"{args}: exit code {failed.returncode}: {failed.stderr}")
    for text in wanted:
        must(text in failed.stderr, f"no `{text}` in: {failed.stderr}")
    everything = failed.stdout + failed.stderr
    must(not any(secret in everything for secret in SECRETS.values()), f"a secret: {everything}")


def failures_are_told(store: Store, server: subprocess.Popen[bytes]) -> None:
    """A bucket that is not there; a server that is gone midway."""
    missing = [*STUDY, "--out", "s3://other/study"]
    told(missing, store, "cannot read s3://other/study/runs/", "NoSuchBucket", "hint: make it")
    args = [*STUDY, "--out", "s3://studies/gone", "--jobs", "1"]
    log = fresh("gone") / "periplus.log"
    with running([PERIPLUS, *args], store.environment, log) as process:
        until(lambda: runs_in(store, "gone") >= 2, "two runs are kept")
        killed(server)
        process.wait(timeout=120)
    text = log.read_text()
    must(process.returncode == 4, f"exit code {process.returncode}: {text}")
    for wanted in ["s3://studies/gone/runs/", "Connection refused", "also after 8 retries"]:
        must(wanted in text, f"no `{wanted}` in: {text}")
    must(not any(secret in text for secret in SECRETS.values()), f"a secret: {text}")
    said(text.strip().replace("\n", "\n   "))


def driver() -> None:
    """The whole of it."""
    place = fresh("objects")
    store = Store(free_port())
    with served(store, place / "moto.log") as server:
        until(store.up, "the server is up")
        many_machines_come_to_what_one_comes_to(store, place)
        failures_are_told(store, server)


if __name__ == "__main__":
    main(driver)
