"""Read-out of an experiment of millions of customers: promopt beside tea-tasting and Spotify Confidence.

    python3 benches/peers/abtest.py

Every contender is a whole process on one thread that reads the same Parquet file and prints the difference
of three metrics between two arms: mean spend (Welch), mean spend adjusted by spend before (CUPED), and
spend per order (ratio, delta method). tea-tasting gets a polars frame, which it sums up by itself; Spotify
Confidence gets sums by arm, made with polars, since it takes nothing else. CPU seconds of the child and its
peak resident memory are medians over the repeats; contenders take turns.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

PINNED = ["polars==2.1.0", "pandas==2.3.3", "spotify-confidence==4.1.0", "tea-tasting==1.14.0"]
REPOSITORY = Path(__file__).resolve().parents[2]

GENERATE = """
import sys
import numpy as np, polars as pl
rows, out = int(sys.argv[1]), sys.argv[2]
rng = np.random.default_rng(7)
taste = rng.gamma(2.0, 1.0, rows)
treated = rng.random(rows) < 0.5
before = rng.poisson(3 * taste) * 4.0
orders = rng.poisson(taste * (1 + 0.01 * treated)).astype(np.int64)
spend = np.round(orders * rng.gamma(3.0, 5.0, rows), 2)
arm = np.where(treated, "treatment", "control")
pl.DataFrame(dict(arm=arm, spend=spend, orders=orders, pre_spend=before)).write_parquet(
    out, compression="uncompressed", statistics=False)
"""

TEA = """
import sys, json
import polars as pl, tea_tasting as tt
frame = pl.read_parquet(sys.argv[1])
experiment = tt.Experiment(
    dict(welch=tt.Mean("spend", equal_var=False),
         cuped=tt.Mean("spend", "pre_spend", equal_var=False),
         ratio=tt.RatioOfMeans("spend", "orders", equal_var=False)), variant="arm")
found = experiment.analyze(frame, control="control")
print(json.dumps({name: found[name].effect_size for name in ("welch", "cuped", "ratio")}))
"""

SPOTIFY = """
import sys, json, warnings
warnings.filterwarnings("ignore")
import polars as pl, spotify_confidence as conf
frame = pl.scan_parquet(sys.argv[1])
sums = frame.group_by("arm").agg(
    n=pl.len(), y=pl.col("spend").sum(), y2=(pl.col("spend") ** 2).sum(),
    x=pl.col("pre_spend").sum(), x2=(pl.col("pre_spend") ** 2).sum(),
    xy=(pl.col("spend") * pl.col("pre_spend")).sum()).collect().to_pandas()
base = dict(numerator_column="y", numerator_sum_squares_column="y2", denominator_column="n",
            categorical_group_columns="arm")
pair = dict(level_1="control", level_2="treatment", absolute=True)
welch = conf.StudentsTTest(sums, **base).difference(**pair).iloc[0]["difference"]
cuped = conf.ZTestLinreg(sums, feature_column="x", feature_sum_squares_column="x2",
                         feature_cross_sum_column="xy", **base).difference(**pair).iloc[0]["difference"]
print(json.dumps(dict(welch=welch, cuped=cuped)))
"""

RUN = """
import json, os, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
use = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps(dict(code=done.returncode, out=done.stdout, err=done.stderr[-2000:],
                      cpu=use.ru_utime + use.ru_stime, rss=use.ru_maxrss / 1024)))
"""


def inside(cache: Path) -> Path:
    """The Python of a virtual environment with the pinned packages, made when absent."""
    folder = cache / "venv-ab"
    python, stamp = folder / "bin" / "python", folder / "installed"
    if not stamp.exists() or stamp.read_text().split() != PINNED:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, *PINNED], check=True)
        stamp.write_text("\n".join(PINNED))
    return python


def measured(command: list) -> dict:
    """CPU seconds, peak MiB and output of a child on one thread."""
    names = ["OMP_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS"]
    env = os.environ | dict.fromkeys(names, "1")
    words = [sys.executable, "-c", RUN, *map(str, command)]
    found = json.loads(subprocess.run(words, check=True, env=env, stdout=subprocess.PIPE).stdout)
    if found["code"] != 0:
        sys.exit(f"{command[0]} failed:\n{found['err']}")
    return found


def main() -> None:
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "promopt-benches"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=default, help="virtual environment, data")
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    cache = args.cache.resolve()
    cache.mkdir(parents=True, exist_ok=True)
    python = inside(cache)
    data = cache / f"experiment-{args.rows}.parquet"
    if not data.exists():
        subprocess.run([python, "-c", GENERATE, str(args.rows), data], check=True)
    subprocess.run(["cargo", "build", "--release", "--bin", "promopt"], cwd=REPOSITORY, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")).resolve()
    ours = [target / "release" / "promopt", "abtest", "analyze", data, "--arm", "arm"]
    ours += ["--control", "control", "--metric", "spend:pre_spend", "--metric", "spend/orders"]
    contenders = {
        "promopt": [*ours, "--threads", "1", "--json"],
        "tea-tasting": [python, "-c", TEA, data],
        "Spotify Confidence": [python, "-c", SPOTIFY, data],
    }
    runs = {name: [] for name in contenders}
    for _ in range(args.repeats):
        for name, command in contenders.items():
            runs[name].append(measured(command))
    cpu = {name: statistics.median(run["cpu"] for run in found) for name, found in runs.items()}
    print("| contender | CPU s | peak MiB | CPU ÷ promopt |")
    print("|---|---:|---:|---:|")
    for name, found in runs.items():
        rss = statistics.median(run["rss"] for run in found)
        print(f"| {name} | {cpu[name]:.2f} | {rss:.0f} | {cpu[name] / cpu['promopt']:.1f} |")
    for name, found in runs.items():
        print(f"\n{name}: {found[0]['out'].strip()[:2000]}")


if __name__ == "__main__":
    main()
