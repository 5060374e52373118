r"""Runs a periplus study on a Ray cluster: one task per shard, then the answer.

    python periplus_sweep.py --shards 16 -- \
        whatif harbour.yaml --vary demand.growth=1..4 --seeds 50 --out s3://bucket/harbour

Behind `--` stands the command as one machine would run it. A shard whose worker or node dies, or whose environment
failed (exit code 4), is tried again; what it had kept is not run again, and nothing is counted twice. A command that is
wrong (exit code 2) is not. The answer, and the exit code, are those of `periplus`.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import subprocess
import sys
from typing import TYPE_CHECKING

import ray

if TYPE_CHECKING:
    from collections.abc import Sequence

# Exit codes of periplus; `periplus --help` lists them all.
ENVIRONMENT = 4


class EnvironmentFailedError(Exception):
    """A disk, a network, or whoever killed the process: another try may help."""


class RefusedError(Exception):
    """The command is wrong, or periplus is: another try says the same."""

    def __init__(self, code: int, told: str) -> None:
        super().__init__(code, told)
        self.code = code
        self.told = told


def run_shard(command: Sequence[str], number: int, of: int) -> int:
    """Runs one shard on whatever node this is. Gives its number."""
    done = subprocess.run(
        [*command, f"--shard={number}/{of}"], capture_output=True, text=True, check=False
    )
    told = f"shard {number} of {of} on {ray.util.get_node_ip_address()}: {done.stderr.strip()}"
    if done.returncode == ENVIRONMENT or done.returncode < 0:
        raise EnvironmentFailedError(told)
    if done.returncode != 0:
        raise RefusedError(done.returncode, told)
    return number


def run_shards(command: Sequence[str], shards: int, retries: int, cpus: float) -> int:
    """Runs all shards and says how far it is. Gives the exit code."""
    task = ray.remote(run_shard).options(
        num_cpus=cpus,
        max_retries=retries,
        retry_exceptions=[EnvironmentFailedError],
        scheduling_strategy="SPREAD",
    )
    waiting = [task.remote(command, number, shards) for number in range(1, shards + 1)]
    done, failed = 0, 0
    while waiting:
        [ready], waiting = ray.wait(waiting)
        try:
            ray.get(ready)
            done += 1
            tell(f"{done} of {shards} shards are done")
        except RefusedError as refused:
            for rest in waiting:
                ray.cancel(rest, force=True)
            tell(refused.told)
            return refused.code
        except (EnvironmentFailedError, ray.exceptions.RayError) as error:
            failed += 1
            tell(f"a shard failed {retries + 1} times: {error}")
    if failed:
        tell(f"{failed} shards failed; what is kept stays, and the same command goes on from it")
        return ENVIRONMENT
    return 0


def tell(text: str) -> None:
    """Says something beside the answer."""
    print(text, file=sys.stderr, flush=True)


def parsed(argv: Sequence[str]) -> argparse.Namespace:
    """The words of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shards", type=int, required=True, help="how many tasks")
    parser.add_argument("--address", default=None, help="the cluster's [default: as Ray finds it]")
    parser.add_argument("--retries", type=int, default=5, help="tries of a shard after the first")
    parser.add_argument("--cpus", type=float, default=1, help="cores of each shard")
    parser.add_argument("--periplus", default="periplus", help="the program, on every node")
    parser.add_argument("--working-dir", default=None, help="a folder that is sent to every node")
    parser.add_argument("command", nargs="+", metavar="-- whatif …", help="the study")
    args = parser.parse_args(argv)
    if args.command[0] != "whatif":
        parser.error(f"`{args.command[0]}` is no study: behind `--` stands `whatif …`")
    out = out_of(args.command)
    if "://" not in out and not out.startswith("/"):
        parser.error("every node must find the study: name a URL or an absolute path with `--out`")
    return args


def out_of(command: Sequence[str]) -> str:
    """Where the study is kept; nothing if the command does not say."""
    for word, following in zip(command, [*command[1:], ""], strict=True):
        if word == "--out":
            return following
        if word.startswith("--out="):
            return word.removeprefix("--out=")
    return ""


def main(argv: Sequence[str]) -> int:
    """Runs the study, and answers."""
    args = parsed(argv)
    command = [args.periplus, *args.command]
    chosen = any(word.split("=")[0] == "--jobs" for word in args.command)
    jobs = [] if chosen else [f"--jobs={max(1, int(args.cpus))}"]
    environment = {"working_dir": args.working_dir} if args.working_dir else None
    # What Ray has to say is not the answer.
    with contextlib.redirect_stdout(sys.stderr):
        ray.init(args.address, runtime_env=environment, logging_level=logging.WARNING)
        code = run_shards([*command, *jobs], args.shards, args.retries, args.cpus)
        ray.shutdown()
    if code != 0:
        return code
    return subprocess.run(command, cwd=args.working_dir, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
