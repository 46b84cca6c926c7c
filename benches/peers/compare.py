"""Runs `promopt ingest` and its peers on the same generated histories and prints a table.

    python3 benches/peers/compare.py --sizes 1m,10m --repeats 3

Needs only Python: the peers are installed into a virtual environment under the cache folder, and
missing data is generated there. Each contender is one process, measured whole: start-up, reading,
writing. See ../README.md for the job.
"""

import argparse
import contextlib
import json
import math
import os
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PEERS = ["polars", "duckdb", "pandas"]
GIB = 1 << 30
WATCH_SECONDS = 0.02
UNITS = {"k": 10**3, "m": 10**6}


@dataclass
class Run:
    """One process, from start to end."""

    contender: str
    size: str
    outcome: str  # "ok", or why there is no time
    wall: float  # seconds
    cpu: float  # seconds, user and system, all threads
    peak: int  # bytes of resident memory, mapped files included
    load: float  # of the machine over the minute before the start, in processes


def lines_of(size: str) -> int:
    return int(float(size[:-1]) * UNITS[size[-1]]) if size[-1] in UNITS else int(size)


def environment(cache: Path) -> Path:
    """The interpreter of a virtual environment with the pinned peers."""
    pinned = (HERE / "requirements.txt").read_text()
    folder = cache / "venv"
    python, stamp = folder / "bin" / "python", folder / "requirements.txt"
    if not stamp.exists() or stamp.read_text() != pinned:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, "-r", HERE / "requirements.txt"], check=True)
        stamp.write_text(pinned)
    return python


def history(data: Path, size: str, python: Path) -> Path:
    """The folder of generated tables, made when absent."""
    folder = data / size
    if not (folder / "truth.json").exists():
        print(f"generating {size} lines", file=sys.stderr)
        generate = [python, HERE / "generate.py", "--lines", str(lines_of(size)), "--out", folder]
        subprocess.run(generate, check=True)
    return folder


def command(contender: str, folder: Path, out: Path, python: Path, args) -> list:
    if contender == "promopt":
        config = folder / "promopt.toml"
        return [args.promopt, "ingest", "-c", config, "--run", out, "-q", *args.promopt_args]
    job = [python, HERE / f"{contender}_job.py", "--data", folder, "--out", out]
    if contender == "duckdb" and args.max_rss:
        # Its limit covers the buffers only, so part of the allowance stays for the rest.
        job += ["--memory-limit", f"{0.7 * args.max_rss:.1f}GiB"]
    return job


def resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return 0


def kill(pid: int):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def measure(words: list, log: Path, max_rss: float, timeout: float) -> tuple:
    """Runs one process; gives its outcome, wall and CPU seconds, and peak resident bytes.

    A limit on address space would count mapped files that are never read, so the limit on memory is
    kept by watching what is resident.
    """
    reasons = []
    with log.open("w") as sink:
        start = time.monotonic()
        child = subprocess.Popen(
            [str(word) for word in words],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        ended = threading.Event()

        def watch():
            while not ended.wait(WATCH_SECONDS):
                too_large = max_rss and resident(child.pid) > max_rss * GIB
                too_long = timeout and time.monotonic() - start > timeout
                if too_large or too_long:
                    reasons.append("out of memory" if too_large else "timed out")
                    kill(child.pid)
                    return

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            _, status, usage = os.wait4(child.pid, 0)
            wall = time.monotonic() - start
        except KeyboardInterrupt:
            kill(child.pid)
            raise
        finally:
            ended.set()
            watcher.join()
    child.returncode = os.waitstatus_to_exitcode(status)
    outcome = "ok"
    if child.returncode != 0:
        outcome = reasons[0] if reasons else f"failed with {child.returncode}"
    return outcome, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def warm(folder: Path):
    """Brings the input into the page cache, so that nobody pays for being first."""
    for path in folder.glob("*.parquet"):
        with path.open("rb") as file:
            while file.read(1 << 23):
                pass


def run_size(size: str, args, python: Path, runs: list) -> bool:
    """Measures all contenders at one size; whether none failed and, when asked, all agree."""
    folder, work = history(args.data, size, python), args.cache / "work"
    given_up = set()
    for repeat in range(args.repeats):
        # Forwards and backwards in turn, so that drift of the machine hits all alike.
        for contender in args.contenders if repeat % 2 == 0 else args.contenders[::-1]:
            if contender in given_up:
                continue
            out = work / size / contender
            shutil.rmtree(out, ignore_errors=True)
            out.parent.mkdir(parents=True, exist_ok=True)
            os.sync()
            warm(folder)
            load = os.getloadavg()[0]
            words = command(contender, folder, out, python, args)
            log = args.cache / f"{contender}-{size}.log"
            run = Run(contender, size, *measure(words, log, args.max_rss, args.timeout), load)
            runs.append(run)
            (args.cache / "runs.json").write_text(json.dumps([asdict(r) for r in runs], indent=1))
            print(
                f"{size} {contender}: {run.outcome}, wall {run.wall:.1f} s, cpu {run.cpu:.1f} s, "
                f"peak {run.peak / GIB:.2f} GiB, load before {load:.1f}",
                file=sys.stderr,
            )
            if run.outcome != "ok":
                print(f"what it printed is in {log}", file=sys.stderr)
                given_up.add(contender)
            if run.outcome != "ok" or not args.check:
                shutil.rmtree(out, ignore_errors=True)
    finished = [name for name in args.contenders if name not in given_up]
    good = not any(run.outcome.startswith("failed") for run in runs if run.size == size)
    if args.check and finished:
        outputs = [f"{name}={work / size / name}" for name in finished]
        check = [python, HERE / "agreement.py", "--data", folder, *outputs]
        good &= subprocess.run(check, check=False).returncode == 0
    shutil.rmtree(work, ignore_errors=True)
    return good


def median_of(runs: list, contender: str, size: str, field: str) -> float | None:
    """Median over the repeats; none when any repeat has no time."""
    chosen = [run for run in runs if (run.contender, run.size) == (contender, size)]
    if not chosen or any(run.outcome != "ok" for run in chosen):
        return None
    return statistics.median(getattr(run, field) for run in chosen)


def ratio(value: float, base: float | None) -> str:
    return "–" if base is None else f"{value / base:.2f}"


def size_table(runs: list, size: str, contenders: list[str]) -> list[str]:
    rows = [
        f"### {lines_of(size):,} lines",
        "",
        "| contender | wall s (least–most) | CPU s | peak RSS GiB "
        "| wall ÷ promopt | CPU ÷ promopt | RSS ÷ promopt |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    fields = ["wall", "cpu", "peak"]
    base = {field: median_of(runs, "promopt", size, field) for field in fields}
    for name in contenders:
        chosen = [run for run in runs if (run.contender, run.size) == (name, size)]
        failed = [run for run in chosen if run.outcome != "ok"]
        if failed:
            last = failed[-1]
            reached = f"after {last.wall:.0f} s at {last.peak / GIB:.2f} GiB"
            rows.append(f"| {name} | {last.outcome} {reached} | | | | | |")
        elif chosen:
            value = {field: median_of(runs, name, size, field) for field in fields}
            walls = [run.wall for run in chosen]
            cells = [
                f"{value['wall']:.1f} ({min(walls):.1f}–{max(walls):.1f})",
                f"{value['cpu']:.1f}",
                f"{value['peak'] / GIB:.2f}",
                *(ratio(value[field], base[field]) for field in fields),
            ]
            rows.append(f"| {name} | {' | '.join(cells)} |")
    return [*rows, ""]


def growth_table(runs: list, sizes: list[str], contenders: list[str]) -> list[str]:
    """Exponent b of cost ~ lines^b between neighbouring sizes; 1 is proportional."""
    steps = list(zip(sizes, sizes[1:], strict=False))
    if not steps:
        return []
    titles = [f"{what} {small}→{large}" for what in ("wall", "RSS") for small, large in steps]
    rows = ["### Growth exponents", "", f"| contender | {' | '.join(titles)} |"]
    rows.append("|---|" + "---:|" * len(titles))
    for name in contenders:
        cells = []
        for field in ("wall", "peak"):
            for small, large in steps:
                costs = [median_of(runs, name, size, field) for size in (small, large)]
                if None in costs:
                    cells.append("–")
                else:
                    scale = math.log(lines_of(large) / lines_of(small))
                    cells.append(f"{math.log(costs[1] / costs[0]) / scale:.2f}")
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return [*rows, ""]


def conditions(runs: list, args) -> str:
    info = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in info if "model name" in line), "unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    limit = f"{args.max_rss:g} GiB" if args.max_rss else "none"
    busiest = max((run.load for run in runs), default=0.0)
    pins = ", ".join((HERE / "requirements.txt").read_text().split())
    return (
        f"{len(os.sched_getaffinity(0))} cores ({model}), {memory:.0f} GiB; limit on resident "
        f"memory {limit}; medians of {args.repeats} runs, input in the page cache; load before a "
        f"run at most {busiest:.1f} (includes the run before it); {pins}."
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "promopt-benches"
    binary = HERE.parents[1] / "target" / "release" / "promopt"
    names = ["promopt", *PEERS]
    add = parser.add_argument
    add("--sizes", default="1m,10m,100m", help="lines, in order [default: %(default)s]")
    add("--contenders", default=",".join(names), help="[default: %(default)s]")
    add("--repeats", type=int, default=3, help="[default: %(default)s]")
    add("--cache", type=Path, default=cache, help="environment, logs, outputs")
    add("--data", type=Path, help="holds one folder of tables per size [default: CACHE/data]")
    add("--promopt", type=Path, default=binary, metavar="BINARY")
    add("--promopt-args", nargs="*", default=[], metavar="ARG", help="more words for promopt")
    add("--max-rss", type=float, default=0, metavar="GIB", help="kill above this [default: off]")
    add("--timeout", type=float, default=3600, metavar="SECONDS", help="[default: %(default)s]")
    add("--check", action="store_true", help="compare what the contenders wrote")
    add("--table", type=Path, metavar="FILE", help="write the Markdown table here as well")
    args = parser.parse_args()
    args.sizes, args.contenders = args.sizes.split(","), args.contenders.split(",")
    unknown = [name for name in args.contenders if name not in names]
    if unknown:
        parser.error(f"expected contenders among {names}, found {unknown}")
    if "promopt" in args.contenders and not args.promopt.exists():
        parser.error(f"{args.promopt} is absent; build it with `cargo build --release`")
    args.data = args.data or args.cache / "data"
    return args


def main():
    args = parse()
    args.cache.mkdir(parents=True, exist_ok=True)
    python, runs, good = environment(args.cache), [], True
    for size in args.sizes:
        good &= run_size(size, args, python, runs)
    lines = [conditions(runs, args), ""]
    for size in args.sizes:
        lines += size_table(runs, size, args.contenders)
    lines += growth_table(runs, args.sizes, args.contenders)
    table = "\n".join(lines)
    print(table)
    if args.table:
        args.table.write_text(table)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
