"""Off-policy estimates of a million rounds: promopt beside Open Bandit Pipeline, CPU seconds.

    python3 benches/peers/obp.py

One log of 1,000,000 rounds and 10 actions with a reward model's predictions lies in memory on both sides;
each estimator is timed from these tables to its estimate, and its bootstrap of 1,000 resamples on its own,
on one thread. Open Bandit Pipeline is installed by name into a virtual environment under the cache folder;
its metadata asks for an older Python than it needs, and for a torch that is not used here but imported.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

PINNED = [
    "numpy==1.26.4", "scipy==1.11.4", "scikit-learn==1.4.2", "pandas==2.1.4", "pyyaml", "tqdm",
    "seaborn", "matplotlib", "torch==2.15.0",
]
LOOSE = ["obp==0.5.7", "pyieoe"]
REPOSITORY = Path(__file__).resolve().parents[2]

GENERATE = """
import sys
from pathlib import Path
import numpy as np
n, k, out = int(sys.argv[1]), 10, Path(sys.argv[2])
rng = np.random.default_rng(3)
def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)
score = rng.normal(size=(n, k))
logging, target = softmax(0.5 * score), softmax(score + 0.5 * rng.normal(size=(n, k)))
actions = (logging.cumsum(1) > rng.random((n, 1))).argmax(1)
mean = 1 / (1 + np.exp(-score - 0.3 * rng.normal(size=(n, k))))
rewards = (rng.random(n) < mean[np.arange(n), actions]).astype(float)
predictions = 1 / (1 + np.exp(-score))
out.mkdir(parents=True, exist_ok=True)
for name, values in dict(actions=actions, rewards=rewards, propensities=logging[np.arange(n), actions],
                         target=target, predictions=predictions).items():
    np.ascontiguousarray(values, dtype="<f8").tofile(out / f"{name}.f64")
"""

OBP = """
import json, sys, time
from pathlib import Path
import numpy as np
from obp.ope import (InverseProbabilityWeighting as IPW, SelfNormalizedInverseProbabilityWeighting as SNIPW,
    DirectMethod as DM, DoublyRobust as DR, SelfNormalizedDoublyRobust as SNDR, SwitchDoublyRobust as Switch,
    DoublyRobustWithShrinkage as DRos, SubGaussianInverseProbabilityWeighting as SGIPW)
folder, resamples = Path(sys.argv[1]), int(sys.argv[2])
read = lambda name: np.fromfile(folder / f"{name}.f64", dtype="<f8")
reward, pscore, action = read("rewards"), read("propensities"), read("actions").astype(int)
n = len(reward)
shape = (n, -1, 1)
base = dict(reward=reward, action=action, pscore=pscore, action_dist=read("target").reshape(shape),
            position=np.zeros(n, dtype=int))
model = dict(estimated_rewards_by_reg_model=read("predictions").reshape(shape))
estimators = dict(ipw=(IPW(), base), ipw_clip_10=(IPW(lambda_=10.0), base), snipw=(SNIPW(), base),
    dm=(DM(), {**base, **model}), dr=(DR(), {**base, **model}), sndr=(SNDR(), {**base, **model}),
    switch_dr_10=(Switch(lambda_=10.0), {**base, **model}), dros_10=(DRos(lambda_=10.0), {**base, **model}))
estimators["sg_ipw_0.1"] = (SGIPW(lambda_=0.1), base)
found = {}
for name, (estimator, inputs) in estimators.items():
    start = time.process_time()
    value = estimator.estimate_policy_value(**inputs)
    point = time.process_time() - start
    start = time.process_time()
    interval = estimator.estimate_interval(**inputs, n_bootstrap_samples=resamples, random_state=1)
    spent = time.process_time() - start
    lower, upper = interval["95.0% CI (lower)"], interval["95.0% CI (upper)"]
    found[name] = dict(value=float(value), point=point, bootstrap=spent, lower=lower, upper=upper)
print(json.dumps(found))
"""


def inside(cache: Path) -> Path:
    """The Python of a virtual environment with Open Bandit Pipeline, made when absent."""
    folder = cache / "venv-obp"
    python, stamp = folder / "bin" / "python", folder / "installed"
    wanted = [*PINNED, *LOOSE]
    if not stamp.exists() or stamp.read_text().split("\n") != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, *PINNED], check=True)
        subprocess.run([*install, "--no-deps", "--ignore-requires-python", *LOOSE], check=True)
        stamp.write_text("\n".join(wanted))
    return python


def main() -> None:
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "promopt-benches"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=default, help="virtual environment, data")
    parser.add_argument("--rounds", type=int, default=1_000_000)
    parser.add_argument("--resamples", type=int, default=1_000)
    args = parser.parse_args()
    cache = args.cache.resolve()
    cache.mkdir(parents=True, exist_ok=True)
    python = inside(cache)
    data = cache / f"rounds-{args.rounds}"
    if not data.exists():
        subprocess.run([python, "-c", GENERATE, str(args.rounds), data], check=True)
    example = "off_policy_peer"
    build = ["cargo", "build", "--release", "-p", "promopt-evaluate", "--example", example]
    subprocess.run(build, cwd=REPOSITORY, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")).resolve()
    binary = target / "release" / "examples" / example
    names = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"]
    env = os.environ | dict.fromkeys(names, "1")
    both = []
    for command in ([binary], [python, "-c", OBP]):
        words = [str(word) for word in [*command, data, args.resamples]]
        done = subprocess.run(words, env=env, check=True, stdout=subprocess.PIPE, text=True)
        both.append(json.loads(done.stdout))
    ours, theirs = both
    prepare = ours.pop("prepare")
    print("| estimator | estimate, ms | obp, ms | × | bootstrap, s | every round, s | obp, s | × | × | off by |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for name, own in ours.items():
        peer = theirs[name]
        off = abs(own["value"] - peer["value"]) / abs(peer["value"])
        print(f"| {name} | {1e3 * own['point']:.1f} | {1e3 * peer['point']:.1f} "
              f"| {peer['point'] / own['point']:.0f} | {own['bootstrap']:.3f} | {own['every_round']:.2f} "
              f"| {peer['bootstrap']:.1f} | {peer['bootstrap'] / own['bootstrap']:.0f} "
              f"| {peer['bootstrap'] / own['every_round']:.1f} | {off:.0e} |", flush=True)
    once = sum(prepare.values())
    points = [sum(found[name]["point"] for name in ours) for found in (ours, theirs)]
    print(f"\nValidating takes {1e3 * prepare['validate']:.0f} ms, weights and predictions of all rounds "
          f"{1e3 * prepare['weigh']:.0f} ms, once for all estimators. All {len(ours)} estimates from arrays: "
          f"{1e3 * (points[0] + once):.0f} ms, obp {1e3 * points[1]:.0f} ms, "
          f"{points[1] / (points[0] + once):.1f} times as much.")


if __name__ == "__main__":
    main()
