"""Steps per second of Gymnasium's worlds and of promopt's, one thread each, in one sitting.

    python3 benches/peers/gymnasium_steps.py

Gymnasium is installed into a virtual environment under the cache folder. `chain` is the same world on
both sides: written as a Gymnasium environment, as numpy over 1,024 lanes, and in promopt; the others
are Gymnasium's own. Actions are drawn beforehand, resets are counted in. Python's time is that of its
process, so that a busy machine does not count against it, and the best of the repeats is shown.
promopt's figures are the best samples of `cargo bench -p promopt-envs --bench worlds`, which is built
first.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

PINNED = ["gymnasium==1.4.0", "numpy==2.4.6"]
REPOSITORY = Path(__file__).resolve().parents[2]
CELLS, STEP_COST = 10, 0.01
SCALES = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9}


def inside(cache: Path) -> None:
    """Goes on in a virtual environment with the pinned packages, made when absent."""
    folder = cache / "venv-worlds"
    python, stamp = folder / "bin" / "python", folder / "installed"
    if Path(sys.prefix) == folder:
        return
    if not stamp.exists() or stamp.read_text().split() != PINNED:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, *PINNED], check=True)
        stamp.write_text("\n".join(PINNED))
    os.execv(python, [str(python), *sys.argv])


def chain():
    """promopt's `Chain` of 10 cells with random start, as a Gymnasium user would write it."""
    import gymnasium
    import numpy as np

    class Chain(gymnasium.Env):
        observation_space = gymnasium.spaces.Box(0.0, 1.0, (CELLS,), np.float32)
        action_space = gymnasium.spaces.Discrete(2)

        def __init__(self):
            self.shown = np.zeros(CELLS, np.float32)
            self.cell = 0

        def show(self, cell):
            self.shown[self.cell] = 0.0
            self.cell = cell
            self.shown[cell] = 1.0
            return self.shown.copy()

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            self.elapsed = 0
            return self.show(int(self.np_random.integers(CELLS - 1))), {}

        def step(self, action):
            self.elapsed += 1
            seen = self.show(self.cell + 1 if action == 1 else max(self.cell - 1, 0))
            arrived = self.cell == CELLS - 1
            truncated = not arrived and self.elapsed >= 4 * CELLS
            return seen, (1.0 if arrived else 0.0) - STEP_COST, arrived, truncated, {}

    return Chain()


class NumpyChain:
    """The same over many lanes, each reset within the step that ends it."""

    def __init__(self, lanes: int):
        import numpy as np

        self.np, self.rng, self.lanes = np, np.random.default_rng(1), lanes
        self.cells = self.rng.integers(CELLS - 1, size=lanes)
        self.elapsed = np.zeros(lanes, np.int64)
        self.rows = np.arange(lanes)
        self.shown = np.zeros((lanes, CELLS), np.float32)
        self.shown[self.rows, self.cells] = 1.0

    def step(self, actions):
        np = self.np
        self.shown[self.rows, self.cells] = 0.0
        cells = np.maximum(self.cells + 2 * actions - 1, 0)
        self.elapsed += 1
        terminated = cells == CELLS - 1
        truncated = ~terminated & (self.elapsed >= 4 * CELLS)
        rewards = terminated - STEP_COST
        ended = terminated | truncated
        cells[ended] = self.rng.integers(CELLS - 1, size=int(ended.sum()))
        self.elapsed[ended] = 0
        self.cells = cells
        self.shown[self.rows, cells] = 1.0
        return self.shown, rewards, terminated, truncated


def alone(env, n: int) -> float:
    """Steps per CPU second of one environment."""
    import numpy as np

    actions = np.random.default_rng(0).integers(env.action_space.n, size=n).tolist()
    env.reset(seed=1)
    begin = time.process_time()
    for action in actions:
        _, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            env.reset()
    return n / (time.process_time() - begin)


def lanes(env, n_lanes: int, rounds: int) -> float:
    """Steps per CPU second of all lanes together."""
    import numpy as np

    actions = np.random.default_rng(0).integers(2, size=(rounds, n_lanes))
    begin = time.process_time()
    for row in actions:
        env.step(row)
    return n_lanes * rounds / (time.process_time() - begin)


def gymnasium_rates(repeats: int) -> dict:
    import gymnasium

    def best(measure) -> float:
        return max(measure() for _ in range(repeats))

    rates = {"chain, Gymnasium environment": best(lambda: alone(chain(), 200_000))}
    rates["chain, numpy, 1,024 lanes"] = best(lambda: lanes(NumpyChain(1024), 1024, 1_000))
    for name in ["CliffWalking-v1", "FrozenLake-v1", "Taxi-v4", "CartPole-v1"]:
        env = gymnasium.make(name, disable_env_checker=True)
        rates[f"{name}, Gymnasium"] = best(lambda env=env: alone(env, 100_000))
    mode = gymnasium.VectorizeMode.VECTOR_ENTRY_POINT
    vector = gymnasium.make_vec("CartPole-v1", num_envs=1024, vectorization_mode=mode)
    vector.reset(seed=1)
    rates["CartPole-v1, Gymnasium's numpy, 1,024 lanes"] = best(lambda: lanes(vector, 1024, 500))
    return rates


def promopt_rates() -> dict:
    """Best steps per second by bench, from divan's table."""
    bench = ["cargo", "bench", "--quiet", "-p", "promopt-envs", "--bench", "worlds", "--"]
    done = subprocess.run(
        [*bench, "--color", "never", "alone", "lanes"],
        cwd=REPOSITORY, check=True, capture_output=True, text=True,
    )
    rates, group, name = {}, "", ""
    for line in done.stdout.splitlines():
        if found := re.match(r"[├╰]─ (\w+)", line):
            group = found[1]
        elif found := re.match(r"[│ ]  [├╰]─ (\w+)", line):
            name = f"{found[1]}, promopt, " + ("64 lanes" if group == "lanes" else "alone")
        elif name and name not in rates and (found := re.search(r"([\d.]+) ([KMG]?)item/s", line)):
            rates[name] = float(found[1]) * SCALES[found[2]]
    return rates


def main() -> None:
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "promopt-benches"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=cache, help="virtual environment")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    inside(args.cache.resolve())
    rates = promopt_rates() | gymnasium_rates(args.repeats)
    alone_rate, lanes_rate = rates["chain, promopt, alone"], rates["chain, promopt, 64 lanes"]
    print("| world | M steps/s | promopt's chain, alone, is faster by | its 64 lanes by |")
    print("|---|---:|---:|---:|")
    for name, rate in rates.items():
        ratios = [f"{ours / rate:,.1f}" for ours in (alone_rate, lanes_rate)]
        ratios = ["", ""] if "promopt" in name else ratios
        print(f"| {name} | {rate / 1e6:,.3f} | {ratios[0]} | {ratios[1]} |")


if __name__ == "__main__":
    main()
