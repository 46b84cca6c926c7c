"""The arena's weekly dynamics in numpy: a peer to time and an independent check of the ratios.

    python benches/peers/arena_numpy.py --customers 100 --weeks 70            # customer-weeks per CPU-second
    python benches/peers/arena_numpy.py --worlds 10 --arms random,0,50,segment50

Equations: RetailSynth (arXiv 2312.14095), AgentSim configuration `no_marketing` (arXiv 2405.10469).
Spreads of features are the size of their means (s = |m|), as the published results were made with;
`--independent` draws them anew. `--one-key` draws all parameters of one shape from one uniform, as
the authors' published code does; its ratios are far from their published ones.
"""

import argparse
import time

import numpy as np
from scipy.special import ndtr, ndtri

SIZES = [59, 5, 2, 63, 18, 145, 93, 61, 20, 3, 93, 93, 5, 89, 84, 76, 44, 135, 36, 28, 112, 87,
         150, 132, 241, 178, 34, 301, 14, 113]
SCORED = 20


class Uniforms:
    """Fresh uniforms per parameter, or one array per shape when they are shared."""

    def __init__(self, rng, shared):
        self.rng, self.shared, self.seen = rng, shared, {}

    def __call__(self, *shape):
        if not self.shared:
            return self.rng.random(shape)
        return self.seen.setdefault(shape, self.rng.random(shape))


def normal(u, mean, sd):
    return mean + sd * ndtri(u)


def truncated(u, mean, sd, low=-np.inf, high=np.inf):
    a, b = ndtr((low - mean) / sd), ndtr((high - mean) / sd)
    return mean + sd * ndtri(a + u * (b - a))


def gumbel(u, mode, scale):
    return mode - scale * np.log(-np.log(u))


class World:
    def __init__(self, seed, n_customers, shared, like_mean):
        rng = self.rng = np.random.default_rng(seed)
        u = Uniforms(rng, shared)
        self.like_mean, self.n = like_mean, n_customers
        self.starts = np.concatenate([[0], np.cumsum(SIZES)[:-1]])
        self.category = np.repeat(np.arange(len(SIZES)), SIZES)
        n_products = len(self.category)
        centre = np.abs(ndtri(u(n_products)))
        spread = centre if like_mean else np.abs(rng.standard_normal(n_products))
        self.z = truncated(rng.random(n_products), centre, np.maximum(spread, 1e-9), low=0)
        self.base = np.maximum(truncated(u(n_products), 1.3, 0.5, low=0) + 0.868 * self.z, 1)
        self.a01 = rng.beta(40, 60, n_products)
        self.a11 = self.a01 if shared else rng.beta(40, 60, n_products)
        bw_i = truncated(u(n_products), -3, 2, high=0)
        self.bw_u = truncated(u(n_customers), -3, 1.5, high=0)
        self.bw = -1.4 * self.bw_u[:, None] * bw_i[None, :]
        self.bz = np.exp(normal(u(n_customers, n_products), 1, 0.4))
        self.bx = np.exp(normal(u(n_customers, n_products), -1, 1))
        self.q0 = gumbel(u(n_products), -3, 0.1)
        self.q1 = np.exp(normal(u(n_customers, n_products), -4, 0.1))
        self.g0 = normal(u(len(SIZES)), -5, 0.5)
        self.g1 = truncated(u(len(SIZES)), 0.1, 0.04, 0, 0.12)
        self.theta = 0.25 + 0.2 * u(n_customers)
        # One number each; the authors' key always draws the quantile that gives alpha_1 = 0.868.
        one = (lambda: 0.2163) if shared else rng.random
        self.s0, self.s1 = gumbel(one(), 4, 0.1), truncated(one(), 0.01, 0.01, 0)
        self.s2 = 5 + one()

    def feature(self, *shape):
        """N(m, s) with m normal and s = |m| or half-normal."""
        m = self.rng.standard_normal(shape)
        s = np.abs(m) if self.like_mean else np.abs(self.rng.standard_normal(shape))
        return m + s * self.rng.standard_normal(shape)

    def start(self):
        self.on_deal = np.zeros(len(self.category), bool)
        self.probability = np.ones(self.n)
        self.felt = None

    def week(self, coupon):
        rng, n = self.rng, self.n
        chance = np.where(self.on_deal, self.a11, self.a01)
        self.on_deal = rng.random(len(chance)) < chance
        depth = rng.beta(50, 50, len(chance)) * self.on_deal
        shelf = np.maximum((1 - depth) * self.base, 1)
        price = (1 - coupon)[:, None] * shelf
        shape = self.bw.shape
        mu = self.bx * self.feature(*shape) + self.bz * self.z + self.bw * np.log(price)
        mu += rng.gumbel(0, 0.1, shape)
        mu = np.minimum(mu, np.percentile(mu, 99.99))
        top = np.maximum.reduceat(mu, self.starts, axis=1)
        weight = np.exp(mu - top[:, self.category])
        total = np.add.reduceat(weight, self.starts, axis=1)
        value = top + np.log(total)
        if self.felt is not None:
            score = self.s0 + self.s1 * self.felt + self.s2 * self.feature(n)
            self.probability = (1 - self.theta) / (1 + np.exp(-score)) + self.theta * self.probability
        visit = rng.random(n) < self.probability
        highest = value.max(axis=1)
        store = highest + np.log(np.exp(value - highest[:, None]).sum(axis=1))
        self.felt = visit * store
        bought = visit[:, None] & (rng.random(value.shape) < 1 / (1 + np.exp(-self.g0 - self.g1 * value)))
        customers, categories = np.nonzero(bought)
        revenue, base_value, units = np.zeros(n), np.zeros(n), np.zeros(n)
        for customer, category in zip(customers, categories):
            start, size = self.starts[category], SIZES[category]
            running = np.cumsum(weight[customer, start:start + size])
            product = start + min(np.searchsorted(running, rng.random() * running[-1]), size - 1)
            mean = np.exp(self.q0[product] + self.q1[customer, product] * mu[customer, product])
            quantity = 1 + rng.poisson(mean)
            revenue[customer] += quantity * price[customer, product]
            base_value[customer] += quantity * self.base[product]
            units[customer] += quantity
        return revenue, base_value, units


def coupons(world, arm, rng):
    if arm == "random":
        return rng.integers(0, 11, world.n) * 0.05
    if arm.startswith("segment"):
        sensitive = np.zeros(world.n, bool)
        sensitive[np.argsort(world.bw_u)[: world.n // 2]] = True
        return np.where(sensitive, int(arm.removeprefix("segment")) / 100, 0.0)
    return np.full(world.n, int(arm) / 100)


def compare(args):
    arms, totals = args.arms.split(","), {}
    for index in range(args.worlds):
        for arm in arms:
            world = World([args.seed, index], args.customers, args.one_key, not args.independent)
            world.rng, rng = np.random.default_rng([args.seed, index, 1]), np.random.default_rng(index)
            world.start()
            last, scored = np.full(world.n, -9), np.zeros(3)
            for week in range(args.weeks):
                outcome = world.week(coupons(world, arm, rng))
                last[outcome[2] > 0] = week
                if week >= args.weeks - SCORED:
                    scored += [part.sum() for part in outcome]
            totals.setdefault(arm, []).append([*scored, (last >= args.weeks - 3).mean()])
    reference = np.array(totals[arms[0]])
    for arm, rows in totals.items():
        rows = np.array(rows)
        ratio = rows[:, 0] / reference[:, 0]
        error = ratio.std(ddof=1) / len(ratio) ** 0.5 if len(ratio) > 1 else float("nan")
        print(f"{arm:10} revenue {rows[:, 0].mean():7.0f}  x {ratio.mean():.3f} ({error:.3f})  "
              f"units x {(rows[:, 2] / reference[:, 2]).mean():.3f}  retention {rows[:, 3].mean():.3f}")


def speed(args):
    world = World(args.seed, args.customers, args.one_key, not args.independent)
    world.start()
    coupon = coupons(world, "random", world.rng)
    world.week(coupon)
    start = time.process_time()
    for _ in range(args.weeks):
        world.week(coupon)
    seconds = time.process_time() - start
    print(f"{args.customers * args.weeks / seconds:.0f} customer-weeks per CPU-second")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--customers", type=int, default=100)
    parser.add_argument("--weeks", type=int, default=70)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--worlds", type=int, default=0, help="compare arms over so many worlds")
    parser.add_argument("--arms", default="random,0,50,segment50", help="the first is the reference")
    parser.add_argument("--independent", action="store_true")
    parser.add_argument("--one-key", action="store_true")
    arguments = parser.parse_args()
    compare(arguments) if arguments.worlds else speed(arguments)
