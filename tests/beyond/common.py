"""What the drivers of this folder share: loopback alone, processes of their own, and studies compared to the byte."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parents[2]
PERIPLUS = ROOT / "target/release/periplus"

SET_INTERFACE_FLAGS = 0x8914
UP_AND_LOOPBACK = 1 | 8


class FailedError(Exception):
    """Something did not come out as it must."""


def must(holds: object, what: str) -> None:
    """Fails with what does not hold."""
    if not holds:
        raise FailedError(what)


def said(text: str) -> None:
    """Says how far the driver is."""
    print(f"   {text}", flush=True)


def loopback_only() -> None:
    """Makes sure that there is no other network, and brings this one up."""
    others = [name for _, name in socket.if_nameindex() if name != "lo"]
    must(not others, f"this is to run where there is only loopback, not {others}: see ./check")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh", b"lo", UP_AND_LOOPBACK)
        fcntl.ioctl(any_socket, SET_INTERFACE_FLAGS, request)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def fresh(name: str) -> Path:
    """An empty folder below `target`."""
    folder = ROOT / "target/beyond" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def until(holds: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Waits for something, not for ever."""
    end = time.monotonic() + seconds
    while not holds():
        must(time.monotonic() < end, f"{what}: not within {seconds:.0f} s")
        time.sleep(0.01)


def answered(
    args: Sequence[str], environment: Mapping[str, str] | None = None, cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Runs periplus to its end, whatever that is."""
    return subprocess.run(
        [PERIPLUS, *args],
        cwd=cwd,
        env=plain(environment),
        capture_output=True,
        text=True,
        check=False,
    )


def answer(
    args: Sequence[str], environment: Mapping[str, str] | None = None, cwd: Path = ROOT
) -> str:
    """What periplus answers; it has to."""
    done = answered(args, environment, cwd)
    must(done.returncode == 0, f"{args}: exit code {done.returncode}: {done.stderr}")
    return done.stdout


def plain(environment: Mapping[str, str] | None) -> dict[str, str]:
    """An environment with nothing of this one but the path."""
    return {"PATH": os.environ["PATH"], "NO_COLOR": "1", **(environment or {})}


@contextlib.contextmanager
def running(
    args: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process with all that it starts, in a session of its own, which ends with the block."""
    out = log.open("ab") if log else subprocess.DEVNULL
    process = subprocess.Popen(
        args,
        cwd=ROOT,
        env=plain(environment),
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=out,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        killed(process)


def killed(process: subprocess.Popen[bytes]) -> None:
    """Kills a process that this one started, and all that it started, and sees them gone."""
    started = children(process.pid)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    until(lambda: not any(words(one) for one in started), f"{started} are gone")


def children(process: int) -> list[int]:
    """The processes that a process started, and those that they started."""
    found = []
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [child, *children(child)]
    return found


def words(process: int) -> list[str]:
    """The command line of a process; nothing if it is gone."""
    with contextlib.suppress(OSError):
        return [word for word in Path(f"/proc/{process}/cmdline").read_text().split("\0") if word]
    return []


def same_tables(wanted: Path, found: Mapping[str, bytes]) -> None:
    """Everything that one machine left, but for its single runs, was left by many machines to the byte."""
    names = [path.name for path in wanted.iterdir() if path.is_file()]
    must(len(names) > 1, f"there is nothing in {wanted}")
    for name in names:
        must(found.get(name) == (wanted / name).read_bytes(), f"{name} differs")


def kept(folder: Path) -> dict[str, bytes]:
    """What is kept in a folder, by name."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def main(driver: Callable[[], None]) -> None:
    """Runs a driver; what does not hold is told in a line."""
    try:
        loopback_only()
        must(PERIPLUS.exists(), f"there is no {PERIPLUS}: `cargo build --release`")
        driver()
    except FailedError as failed:
        print(f"FAILED: {failed}", file=sys.stderr)
        sys.exit(1)
