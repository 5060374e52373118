"""A sweep on a real Ray of two nodes, one of which is killed midway: the answer is that of one machine."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.dataset
import pyarrow.parquet
from common import (
    PERIPLUS,
    ROOT,
    FailedError,
    answer,
    children,
    free_port,
    fresh,
    kept,
    killed,
    main,
    must,
    plain,
    running,
    said,
    same_tables,
    until,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

RAY = ROOT / ".tools/ray/bin/ray"
SWEEP = ROOT / "contrib/ray/periplus_sweep.py"
VOYAGE = ROOT / "docs/guide/voyage"

STUDY = ["whatif", "harbour.yaml", "--vary", "demand.growth=1,1.5,2", "--seeds", "1000"]
RUNS = 4000
SHARDS = 8
MEMORY = ["--object-store-memory", str(80 << 20)]
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "HOME": "/nonexistent"}

COUNT_NODES = """
import sys, ray
ray.init(sys.argv[1], logging_level="ERROR", log_to_driver=False)
print(sum(node["Alive"] for node in ray.nodes()))
"""


def node(address: str, *more: str) -> list[str | Path]:
    """The command of a node, which stays in front so that it can be ended by its own number."""
    start = [RAY, "start", "--block", "--node-ip-address", "127.0.0.1", "--num-cpus", "1"]
    return [*start, *MEMORY, *(["--address", address] if address else []), *more]


def nodes_up(address: str) -> int:
    """How many nodes the cluster has."""
    done = subprocess.run(
        [sys.executable, "-c", COUNT_NODES, address],
        env=plain(QUIET),
        capture_output=True,
        text=True,
        check=False,
    )
    return int(done.stdout) if done.returncode == 0 else 0


def swept(address: str, program: Path, shards: int, command: list[str]) -> list[str | Path]:
    """The command of the driver."""
    where = ["--address", address, "--working-dir", str(VOYAGE), "--periplus", str(program)]
    return [sys.executable, SWEEP, *where, "--shards", str(shards), "--", *command]


def shard_on(process: int) -> str:
    """The shard that runs on a node; nothing if none does."""
    found = [word for child in children(process) for word in words(child)]
    shards = [word.removeprefix("--shard=") for word in found if word.startswith("--shard=")]
    return shards[0] if shards else ""


def part_of(shard: str) -> str:
    """What a shard leaves when it is done."""
    number, of = shard.split("/")
    return f"runs-{int(number):04}-of-{int(of):04}.parquet"


def killed_midway(second: subprocess.Popen[bytes], driver: subprocess.Popen[str], out: Path) -> str:
    """Kills a node, raylet and all, when some of the shard there is done. Gives the shard."""
    over = driver.poll
    until(
        lambda: shard_on(second.pid) or over() is not None, "a shard runs on the second node", 120
    )
    must(over() is None, f"the sweep is over before a node was killed: exit code {over()}")
    done = len(list((out / "runs").glob("*.json")))
    until(lambda: len(list((out / "runs").glob("*.json"))) > done + 50, "some runs are done")
    # Nothing is finished while it is looked at.
    os.killpg(second.pid, signal.SIGSTOP)
    shard = shard_on(second.pid)
    must(shard, "no shard runs on the second node any more")
    must(not (out / "parts" / part_of(shard)).exists(), f"shard {shard} was done")
    killed(second)
    return shard


def parts_are_the_study(out: Path) -> None:
    """Read as one data set by another library, the parts are the table of runs, each run once."""
    files = sorted((out / "parts").glob("*.parquet"))
    must(len(files) == SHARDS, f"{files}")
    parts = pyarrow.dataset.dataset(files).to_table()
    whole = pyarrow.parquet.read_table(out / "runs.parquet")
    must(parts.schema.equals(whole.schema), f"{parts.schema} is not {whole.schema}")
    order = [("variant", "ascending"), ("seed", "ascending")]
    must(parts.sort_by(order).equals(whole.sort_by(order)), "the parts differ from the whole")
    runs = parts.select(["variant", "seed"]).group_by(["variant", "seed"]).aggregate([])
    must(parts.num_rows == RUNS == runs.num_rows, f"{parts.num_rows} rows, {runs.num_rows} runs")


def a_node_may_die(address: str, second: subprocess.Popen[bytes], place: Path) -> None:
    """A sweep during which a node dies."""
    alone = answer([*STUDY, "--out", str(place / "alone")], cwd=VOYAGE)
    out = place / "swept"
    command = swept(address, PERIPLUS, SHARDS, [*STUDY, "--out", str(out)])
    # A sweep that begins before the second node is there could be over before it is.
    until(lambda: nodes_up(address) == 2, "the second node has joined", 120)
    with (
        (place / "sweep.log").open("w") as aside,
        subprocess.Popen(
            command,
            env=plain(QUIET),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=aside,
            text=True,
        ) as driver,
    ):
        shard = killed_midway(second, driver, out)
        said(f"the second node was killed with shard {shard} on it")
        told, _ = driver.communicate(timeout=150)
    must(driver.returncode == 0, f"exit code {driver.returncode}")
    must(told == alone, f"another answer:\n{told}")
    found = kept(out)
    same_tables(place / "alone", found)
    # What was killed while it wrote left a part of a file, which is nobody's.
    runs = [name for name in found if name.startswith("runs/") and name.endswith(".json")]
    must(len(runs) == RUNS, f"{len(runs)} runs are kept, not {RUNS}")
    must(part_of(shard) in {Path(name).name for name in found}, f"shard {shard} was not retried")
    parts_are_the_study(out)
    said(f"{RUNS} runs in {SHARDS} shards come to what one machine comes to")


def exit_codes_are_minded(address: str, place: Path) -> None:
    """What is wrong is not tried again; what failed is, so often and no more."""
    program = place / "program"
    tries = place / "tries"
    for code, holds_from, wanted_code, wanted_tries in [(2, 99, 2, 1), (4, 3, 0, 4), (4, 99, 4, 6)]:
        tries.write_text("")
        program.write_text(
            f'#!/bin/sh\necho "$@" >> {tries}\n[ $(wc -l < {tries}) -ge {holds_from} ] || exit {code}\n'
        )
        program.chmod(0o755)
        command = swept(address, program, 1, ["whatif", "any.yaml", "--out", str(place)])
        done = subprocess.run(
            command, env=plain(QUIET), capture_output=True, text=True, check=False
        )
        must(done.returncode == wanted_code, f"{code}: {done.returncode}: {done.stderr}")
        count = len(tries.read_text().splitlines())
        must(count == wanted_tries, f"exit code {code}: {count} tries, not {wanted_tries}")
        said(f"exit code {code}: {count} tries, then {done.returncode}")


def driver() -> None:
    """The whole of it."""
    place = fresh("ray")
    address = f"127.0.0.1:{free_port()}"
    port = address.rpartition(":")[2]
    # Sockets lie in there, and their paths must be short.
    with tempfile.TemporaryDirectory(prefix="ray", dir=short(ROOT / "target")) as temporary:
        head = ["--head", "--port", port, "--include-dashboard=false", "--temp-dir", temporary]
        with (
            logs_told(place, Path(temporary) / "session_latest/logs"),
            running(node("", *head), QUIET, place / "head.log"),
        ):
            until(lambda: listens(int(port)), "the head is up")
            with running(node(address), QUIET, place / "second.log") as second:
                a_node_may_die(address, second, place)
            exit_codes_are_minded(address, place)


@contextlib.contextmanager
def logs_told(*folders: Path) -> Iterator[None]:
    """Says how all logs end if something fails: another run may not fail the same way."""
    try:
        yield
    except (FailedError, subprocess.TimeoutExpired):
        for log in (log for folder in folders for log in sorted(folder.glob("*.[elo]*"))):
            lines = log.read_text(errors="replace").splitlines()[-20:] if log.is_file() else []
            if lines:
                said("\n      ".join([f"{log}:", *lines]))
        raise


def short(folder: Path) -> Path:
    """A folder, or one with a shorter path."""
    folder.mkdir(exist_ok=True)
    return folder if len(str(folder)) < 30 else Path(tempfile.gettempdir())


def listens(port: int) -> bool:
    """Whether somebody answers there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


if __name__ == "__main__":
    main(driver)
