"""The job in polars: lazy plans on the streaming engine, several sinks per scan.

What groups lines finely goes slice by slice of whole weeks, because polars keeps the groups of one
plan in memory; copies of a line and cells lie within a week, so no slice needs another.
"""

import shutil
from datetime import datetime, timedelta

import polars as pl
from account import (
    HALF_A_CENT,
    HOUR_BANDS,
    KEYS,
    MAX_DEPTH,
    MAX_PRICE_RATIO,
    MAX_QUANTITY,
    N_CATEGORIES,
    RULES,
    arguments,
    write_account,
)

SLICE = 4_000_000  # lines
PAIR = [pl.len().alias("rows"), pl.col("sales_value").sum().alias("sales")]
DISCOUNT = pl.col("shelf_discount") + pl.col("offer_discount")
GROSS = pl.col("sales_value") + pl.col("shelf_discount") + pl.col("offer_discount")
UNIT_PRICE = pl.col("gross") / pl.col("quantity")


def together(*plans: pl.LazyFrame) -> list[pl.DataFrame]:
    """Runs several plans over what they share, once."""
    return pl.collect_all(plans, engine="streaming")


def slices(first: datetime, last: datetime, rows: int) -> list[tuple]:
    """Half-open spans of whole weeks with about `SLICE` lines each."""
    monday = first.date() - timedelta(days=first.weekday())
    n_weeks = (last.date() - monday).days // 7 + 1
    step = min(n_weeks, max(1, n_weeks * SLICE // rows))
    starts = [monday + timedelta(weeks=week) for week in range(0, n_weeks + step, step)]
    return list(zip(starts, starts[1:], strict=False))


def remove_by_line(data, parts) -> tuple:
    """All rules that need no median; the lines that pass go to one file per slice."""
    raw = pl.scan_parquet(data / "transactions.parquet")
    complete = raw.drop_nulls(KEYS)
    span = [pl.col("timestamp").min().alias("first"), pl.col("timestamp").max().alias("last")]
    read, whole = together(raw.select(PAIR), complete.select(PAIR + span))
    read, (rows, sales, first, last) = read.row(0), whole.row(0)
    checks = [
        ("non_positive_quantity", pl.col("quantity") <= 0),
        ("non_positive_sales", pl.col("sales_value") <= 0),
        ("negative_discount", (pl.col("shelf_discount") < 0) | (pl.col("offer_discount") < 0)),
        ("discount_above_shelf_price", DISCOUNT > MAX_DEPTH * GROSS + HALF_A_CENT),
        ("weight_sold_quantity", pl.col("quantity") > MAX_QUANTITY),
    ]
    rule = pl.coalesce(
        pl.when(check).then(pl.lit(RULES.index(name), pl.Int8)) for name, check in checks
    )
    judgements = []
    for number, (start, end) in enumerate(slices(first, last, rows)):
        within = pl.col("timestamp").is_between(start, end, closed="left")
        distinct = complete.filter(within).unique(maintain_order=False)
        judged = distinct.with_columns(rule=rule, gross=GROSS)
        passed = judged.filter(pl.col("rule").is_null()).drop("rule", "store_id")
        by_rule, _ = together(
            judged.group_by("rule").agg(PAIR),
            passed.sink_parquet(parts / f"{number:03}.parquet", compression="lz4", lazy=True),
        )
        judgements.append(by_rule)
    by_rule = pl.concat(judgements).group_by("rule").agg(pl.col("rows", "sales").sum())
    distinct = by_rule.select(pl.col("rows", "sales").sum()).row(0)
    removed = {
        "missing_key": (read[0] - rows, read[1] - sales),
        "duplicate_line": (rows - distinct[0], sales - distinct[1]),
    }
    for index, rows, sales in by_rule.drop_nulls("rule").iter_rows():
        removed[RULES[index]] = (rows, sales)
    return read, removed


def remove_by_price(data, out, parts, removed: dict) -> tuple:
    """The last rule; gives the products with bounds and categories, and the first and last day."""
    passed = pl.scan_parquet(parts)
    products = pl.scan_parquet(data / "products.parquet").select("product_id", "category")
    medians = passed.group_by("product_id").agg(median=UNIT_PRICE.median())
    products = medians.join(products, on="product_id", how="left").with_columns(
        low=pl.col("median") / MAX_PRICE_RATIO,
        high=pl.col("median") * MAX_PRICE_RATIO,
        kind=pl.col("category").rank("dense").cast(pl.UInt16),
    )
    products = products.collect(engine="streaming")
    plausible = UNIT_PRICE.is_between(pl.col("low"), pl.col("high"))
    bounds = products.lazy().select("product_id", "low", "high")
    judged = passed.join(bounds, on="product_id").with_columns(plausible=plausible)
    kept = judged.filter("plausible")
    rejected, sold, span = together(
        judged.filter(~pl.col("plausible")).select(PAIR),
        kept.group_by("product_id").agg(pl.col("sales_value").sum()),
        kept.select(first=pl.col("timestamp").min(), last=pl.col("timestamp").max()),
    )
    removed["implausible_unit_price"] = rejected.row(0)
    largest = (
        sold.join(products, on="product_id")
        .drop_nulls("category")
        .group_by("category")
        .agg(pl.col("sales_value").sum())
        .sort("sales_value", "category", descending=[True, False])
        .head(N_CATEGORIES)
    )
    largest.write_parquet(out / "categories.parquet")
    index = pl.col("category").replace_strict(
        largest["category"], pl.int_range(len(largest), eager=True), default=N_CATEGORIES
    )
    named = products.select("product_id", "low", "high", "kind", category=index.cast(pl.UInt8))
    first, last = span.row(0)
    return named, first.date(), last.date()


def kept_lines(path, products: pl.DataFrame, first) -> pl.LazyFrame:
    plausible = UNIT_PRICE.is_between(pl.col("low"), pl.col("high"))
    monday = pl.lit(first).dt.truncate("1w")
    week = ((pl.col("timestamp").dt.date() - monday).dt.total_days() // 7).cast(pl.UInt16)
    lines = pl.scan_parquet(path).join(products.lazy(), on="product_id").filter(plausible)
    return lines.drop("low", "high").with_columns(week=week)


def cells_and_ledger(kept: pl.LazyFrame, out, name: str):
    """Writes a slice of both tables."""
    cells = kept.group_by("customer_id", "week", "category").agg(
        pl.col("quantity").sum().alias("units"),
        pl.col("gross", "shelf_discount", "offer_discount").sum(),
        pl.col("basket_id").n_unique().cast(pl.UInt16).alias("baskets"),
    )
    ledger = kept.group_by("product_id", "week").agg(
        regular_price=UNIT_PRICE.median(),
        shelf_price=((pl.col("gross") - pl.col("shelf_discount")) / pl.col("quantity")).median(),
        units=pl.col("quantity").sum(),
    )
    together(
        cells.sink_parquet(out / "cells.parquet" / name, mkdir=True, lazy=True),
        ledger.sink_parquet(out / "ledger.parquet" / name, mkdir=True, lazy=True),
    )


def gaps() -> list[pl.Expr]:
    gap = pl.col("day").unique().sort().diff().dt.total_days().drop_nulls()
    cv = pl.when(gap.len() >= 2).then(gap.std(ddof=0) / gap.mean())
    return [gap.mean().alias("gap_mean"), cv.alias("gap_cv")]


def features(baskets: pl.LazyFrame, mix: pl.LazyFrame, kinds: pl.LazyFrame, last, n_weeks):
    hour = pl.col("timestamp").dt.hour()
    band = sum((hour >= start).cast(pl.Int8) for start in HOUR_BANDS)
    weekday = pl.col("timestamp").dt.weekday() - 1
    weeks = n_weeks - pl.col("first_week")
    total = {name: pl.col(name).sum() for name in ("lines", "units", "sales", "gross", "deals")}
    by_customer = (
        baskets.with_columns(day=pl.col("timestamp").dt.date(), weekday=weekday, band=band)
        .group_by("customer_id")
        .agg(
            *gaps(),
            *((pl.col("weekday") == day).mean().alias(f"weekday_{day}") for day in range(7)),
            *((pl.col("band") == band).mean().alias(f"hours_{band}") for band in range(5)),
            recency_days=(pl.lit(last) - pl.col("day").max()).dt.total_days(),
            tenure_days=(pl.lit(last) - pl.col("day").min()).dt.total_days(),
            baskets=pl.len(),
            visit_weeks=pl.col("week").n_unique(),
            first_week=pl.col("week").min(),
            monetary_basket=total["sales"] / pl.len(),
            sales=total["sales"],
            basket_lines=total["lines"] / pl.len(),
            basket_units=total["units"] / pl.len(),
            basket_value=total["gross"] / pl.len(),
            discount_share=pl.col("discount").sum() / total["gross"],
            deal_share=total["deals"] / total["lines"],
        )
        .with_columns(
            frequency=pl.col("visit_weeks") / weeks, monetary_week=pl.col("sales") / weeks
        )
        .drop("visit_weeks", "first_week", "sales")
    )
    shares = [
        (pl.col("gross").filter(pl.col("category") == index).sum() / pl.col("gross").sum()).alias(
            f"category_{index}"
        )
        for index in range(N_CATEGORIES + 1)
    ]
    mix = mix.group_by("customer_id").agg(shares)
    return by_customer.join(mix, on="customer_id").join(kinds, on="customer_id")


def main():
    args = arguments()
    out, parts = args.out, args.out / "passed"
    parts.mkdir()
    read, removed = remove_by_line(args.data, parts)
    products, first, last = remove_by_price(args.data, out, parts, removed)
    write_account(out, read, removed)
    for part in sorted(parts.iterdir()):
        cells_and_ledger(kept_lines(part, products, first), out, part.name)
    kept = kept_lines(parts, products, first)
    baskets = kept.group_by("basket_id", "customer_id").agg(
        pl.col("timestamp").min(),
        pl.col("week").min(),
        lines=pl.len(),
        units=pl.col("quantity").sum(),
        sales=pl.col("sales_value").sum(),
        gross=pl.col("gross").sum(),
        discount=DISCOUNT.sum(),
        deals=(DISCOUNT > 0).sum(),
    )
    kinds = kept.group_by("customer_id").agg(n_categories=pl.col("kind").n_unique())
    baskets, kinds = together(baskets, kinds)
    shutil.rmtree(parts)
    mix = pl.scan_parquet(out / "cells.parquet").select("customer_id", "category", "gross")
    n_weeks = ((last - first).days + first.weekday()) // 7 + 1
    plan = features(baskets.lazy(), mix, kinds.lazy(), last, n_weeks)
    plan.sink_parquet(out / "features.parquet")


if __name__ == "__main__":
    main()
