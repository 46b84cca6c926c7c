"""Updates per CPU second of DQN on CartPole: promopt beside Stable-Baselines3 and CleanRL.

    python3 benches/peers/dqn.py

The peers are installed by name into a virtual environment under the cache folder. Every contender runs the
whole loop on one thread (act, step, store, one update per step, ReLU network of two layers, Adam, uniform
replay, hard target), as a process of its own, once for N and once for 2 N steps: the difference of their
CPU times is what N steps cost without starting up. The contenders take turns, so that a busy machine slows
all of them alike, and medians over the repeats are shown. CleanRL has its network's widths in the source:
its installed script runs from a copy in which these two numbers are replaced.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

PINNED = [
    "gymnasium==0.29.1", "numpy==1.26.4", "stable-baselines3==2.3.2", "tensorboard==2.20.0",
    "torch==2.15.0",
]
CLEANRL = "cleanrl==1.2.0"
REPOSITORY = Path(__file__).resolve().parents[2]
# Collection alone acts by the network as well, after the same random start.
SHAPES = [(64, 64), (64, 256), (128, 64), (128, 256)]
TARGETS = {(64, 64): 5.0, (128, 64): 4.0, (128, 256): 2.0}
WARM_UP = 1_000

SB3 = """
import sys, torch, gymnasium
from stable_baselines3 import DQN
torch.set_num_threads(1)
steps, width, batch, learn = (int(word) for word in sys.argv[1:])
model = DQN("MlpPolicy", gymnasium.make("CartPole-v1"), learning_rate=2.5e-4, buffer_size=50_000,
            learning_starts={warm_up}, batch_size=batch, train_freq=1, gradient_steps=learn,
            target_update_interval=500, exploration_fraction=0.2, seed=1, device="cpu",
            policy_kwargs=dict(net_arch=[width, width]))
model.learn(steps)
"""


def inside(cache: Path) -> Path:
    """Goes on in a virtual environment with the pinned packages, made when absent."""
    folder = cache / "venv-dqn"
    python, stamp = folder / "bin" / "python", folder / "installed"
    wanted = [*PINNED, CLEANRL]
    if not stamp.exists() or stamp.read_text().split() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, *PINNED], check=True)
        # Its metadata asks for an older Python than its script needs.
        loose = ["--no-deps", "--ignore-requires-python"]
        subprocess.run([*install, *loose, CLEANRL], check=True)
        stamp.write_text("\n".join(wanted))
    return python


def cleanrl_script(python: Path, cache: Path, width: int) -> Path:
    """CleanRL's installed script with both hidden layers of this width and one thread."""
    where = "import importlib.util as u; print(u.find_spec('cleanrl.dqn').origin)"
    found = subprocess.run([python, "-c", where], check=True, capture_output=True, text=True)
    text = Path(found.stdout.strip()).read_text()
    for old, new in [
        ("prod(), 120)", f"prod(), {width})"),
        ("nn.Linear(120, 84)", f"nn.Linear({width}, {width})"),
        ("nn.Linear(84,", f"nn.Linear({width},"),
        ("import torch.nn as nn", "torch.set_num_threads(1)\nimport torch.nn as nn"),
    ]:
        if old not in text:
            sys.exit(f"expected `{old}` in CleanRL's dqn.py; adapt benches/peers/dqn.py")
        text = text.replace(old, new)
    script = cache / f"cleanrl_dqn_{width}.py"
    script.write_text(text)
    return script


def cpu_seconds(command: list, cache: Path) -> float:
    """User and system time of a child process on one thread."""
    threads = dict.fromkeys(["OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"], "1")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [str(word) for word in command], cwd=cache, env=os.environ | threads,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed:\n{done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def steps_per_second(command, steps: int, cache: Path) -> float:
    """Steps per CPU second beyond the first `steps`; `command` makes a run of a given length."""
    short, long = (cpu_seconds(command(n), cache) for n in (steps, 2 * steps))
    return steps / max(long - short, 1e-9)


def main() -> None:
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "promopt-benches"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=default, help="virtual environment, scripts")
    parser.add_argument("--steps", type=int, default=5_000, help="steps of a peer's short run")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    cache = args.cache.resolve()
    cache.mkdir(parents=True, exist_ok=True)
    python = inside(cache)
    example = "dqn_cart_pole"
    build = ["cargo", "build", "--release", "-p", "promopt-agents", "--example", example]
    subprocess.run(build, cwd=REPOSITORY, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    ours = target.resolve() / "release" / "examples" / example
    sb3 = cache / "sb3_dqn.py"
    sb3.write_text(SB3.replace("{warm_up}", str(WARM_UP)))

    def contenders(width: int, batch: int, learn: bool) -> dict:
        script = cleanrl_script(python, cache, width)
        options = ["--train-frequency", 1, "--batch-size", batch, "--buffer-size", 50_000]
        starts = ["--learning-starts", WARM_UP if learn else 10**9, "--cuda", "False"]
        return {
            "promopt": lambda n: [ours, n, width, batch, int(learn)],
            "Stable-Baselines3": lambda n: [python, sb3, n, width, batch, int(learn)],
            "CleanRL": lambda n: [python, script, "--total-timesteps", n, *options, *starts],
        }

    print("| loop | promopt/s | SB3/s | CleanRL/s | × SB3 | × CleanRL | target |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    jobs = [(width, batch, True) for width, batch in SHAPES] + [(64, 64, False)]
    for width, batch, learn in jobs:
        rates = {name: [] for name in contenders(width, batch, learn)}
        for _ in range(args.repeats):
            for name, command in contenders(width, batch, learn).items():
                # A fast contender needs more steps for the same precision.
                scale = (10 if learn else 400) if name == "promopt" else (1 if learn else 4)
                rates[name].append(steps_per_second(command, scale * args.steps, cache))
        middle = {name: statistics.median(found) for name, found in rates.items()}
        own, first, second = middle["promopt"], middle["Stable-Baselines3"], middle["CleanRL"]
        label = f"{width}×{width}, batch {batch}" if learn else "collection alone (64×64)"
        target_ratio = TARGETS.get((width, batch), "") if learn else 50
        print(f"| {label} | {own:,.0f} | {first:,.0f} | {second:,.0f} | {own / first:.1f} "
              f"| {own / second:.1f} | {target_ratio} |", flush=True)


if __name__ == "__main__":
    main()
