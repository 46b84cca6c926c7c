"""Updates per CPU second of discrete CQL on a CartPole log: promopt beside d3rlpy.

    cargo build --release -p promopt-agents --example offline_cql
    python3 benches/peers/d3rlpy_cql.py --log LOG.csv

Same network (two ReLU layers of 64), batch 64, Adam at 0.001, gamma 0.99, target copy every 250 updates,
alpha 1, one thread, no progress shown. Every contender is a process of its own, once for N and once for 2 N
updates: the difference of their CPU times (user and system) is what N updates cost without starting up and
reading. They take turns; medians over the repeats are shown. Run it with a Python that has d3rlpy 2.8.1.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
UPDATES = {"d3rlpy": 1_000, "promopt": 40_000}

PEER = """
import csv, sys, logging
import numpy as np, torch, d3rlpy, structlog
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
torch.set_num_threads(1)
path, updates, width, batch = sys.argv[1], *(int(word) for word in sys.argv[2:])
rows = np.array([[float(x) for x in row] for row in list(csv.reader(open(path)))[1:]])
data = d3rlpy.dataset.MDPDataset(
    observations=rows[:, 2:6].astype(np.float32), actions=rows[:, 6].astype(np.int64),
    rewards=rows[:, 7].astype(np.float32), terminals=rows[:, 8], timeouts=rows[:, 9],
    action_space=d3rlpy.ActionSpace.DISCRETE, action_size=2)
encoder = d3rlpy.models.VectorEncoderFactory(hidden_units=[width, width])
cql = d3rlpy.algos.DiscreteCQLConfig(
    learning_rate=1e-3, batch_size=batch, gamma=0.99, target_update_interval=250, alpha=1.0,
    encoder_factory=encoder).create(device="cpu:0")
cql.fit(data, n_steps=updates, n_steps_per_epoch=updates, show_progress=False,
        save_interval=10**9, logger_adapter=d3rlpy.logging.NoopAdapterFactory())
"""


def cpu_seconds(command: list[str]) -> float:
    """What one process and its children used."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    limits = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}
    subprocess.run(command, check=True, env={**os.environ, **limits}, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--log", required=True, help="columns as in agents/examples/offline_cql.rs")
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    options.add_argument("--promopt", default=target / "release" / "examples" / "offline_cql")
    options.add_argument("--repeats", type=int, default=3)
    given = options.parse_args()
    commands = {"promopt": [str(given.promopt)], "d3rlpy": [sys.executable, "-c", PEER]}
    rates: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(given.repeats):
        for name, command in commands.items():
            n = UPDATES[name]
            once, twice = (
                cpu_seconds([*command, given.log, str(n * times), "64", "64"]) for times in (1, 2)
            )
            rates[name].append(n / (twice - once))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    print("| contender | updates per CPU second (least, most) | ms per update |")
    print("|---|---|---|")
    for name, values in rates.items():
        middle = medians[name]
        print(f"| {name} | {middle:,.0f} ({min(values):,.0f}, {max(values):,.0f}) | {1e3 / middle:.3f} |")
    print(f"\nratio {medians['promopt'] / medians['d3rlpy']:.1f}, wanted 20")


if __name__ == "__main__":
    main()
