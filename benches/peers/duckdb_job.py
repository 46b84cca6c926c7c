"""The job in DuckDB: SQL on a database file, so that what exceeds the memory limit goes to disk."""

import duckdb
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

ZSTD = "(FORMAT parquet, COMPRESSION zstd)"
COMPLETE = " AND ".join(f"{key} IS NOT NULL" for key in KEYS)
BAND = " + ".join(f"(hour(moment) >= {start})::INT" for start in HOUR_BANDS)

# One copy of each complete line, with the first rule that rejects it.
JUDGED = f"""
CREATE TABLE judged AS
WITH copies AS (
    SELECT *, count(*) AS copies, sales_value + shelf_discount + offer_discount AS gross
    FROM read_parquet($path) WHERE {COMPLETE} GROUP BY ALL
)
SELECT customer_id, "timestamp" AS moment, product_id, quantity, sales_value, shelf_discount,
    offer_discount, basket_id, gross, copies - 1 AS extra,
    (CASE
        WHEN quantity <= 0 THEN {RULES.index("non_positive_quantity")}
        WHEN sales_value <= 0 THEN {RULES.index("non_positive_sales")}
        WHEN shelf_discount < 0 OR offer_discount < 0 THEN {RULES.index("negative_discount")}
        WHEN shelf_discount + offer_discount > {MAX_DEPTH} * gross + {HALF_A_CENT}
            THEN {RULES.index("discount_above_shelf_price")}
        WHEN quantity > {MAX_QUANTITY} THEN {RULES.index("weight_sold_quantity")}
    END)::TINYINT AS rule
FROM copies
"""

BOUNDS = f"""
CREATE TABLE bounds AS
SELECT product_id, median(gross / quantity) AS median,
    median / {MAX_PRICE_RATIO} AS low, median * {MAX_PRICE_RATIO} AS high
FROM judged WHERE rule IS NULL GROUP BY product_id
"""

SOLD = """
CREATE TABLE sold AS
SELECT product_id, gross / quantity BETWEEN low AND high AS plausible, count(*) AS rows,
    sum(sales_value) AS sales, min(moment) AS first, max(moment) AS last
FROM judged JOIN bounds USING (product_id) WHERE rule IS NULL GROUP BY ALL
"""

CATEGORIES = f"""
CREATE TABLE largest AS
SELECT category, sum(sales) AS sales_value,
    (row_number() OVER (ORDER BY sum(sales) DESC, category) - 1)::UTINYINT AS index
FROM sold JOIN read_parquet($path) USING (product_id)
WHERE plausible AND category IS NOT NULL
GROUP BY category ORDER BY index LIMIT {N_CATEGORIES}
"""

NAMED = f"""
CREATE TABLE named AS
SELECT product_id, low, high, coalesce(index, {N_CATEGORIES})::UTINYINT AS category,
    dense_rank() OVER (ORDER BY products.category) AS kind
FROM bounds LEFT JOIN read_parquet($path) AS products USING (product_id)
LEFT JOIN largest ON products.category = largest.category
"""

SPAN = """
CREATE TABLE span AS
SELECT date_trunc('week', min(first))::DATE AS monday, max(last)::DATE AS last_day,
    (last_day - monday) // 7 + 1 AS n_weeks
FROM sold WHERE plausible
"""

KEPT = """
CREATE VIEW kept AS
SELECT customer_id, moment, product_id, quantity, sales_value, shelf_discount, offer_discount,
    basket_id, gross, category, kind,
    ((moment::DATE - (SELECT monday FROM span)) // 7)::USMALLINT AS week
FROM judged JOIN named USING (product_id)
WHERE rule IS NULL AND gross / quantity BETWEEN low AND high
"""

# Two plain groupings, as counts of distinct values need more memory and time.
CELLS = """
CREATE TABLE cells AS
WITH visits AS (
    SELECT customer_id, week, category, basket_id, sum(quantity) AS units, sum(gross) AS gross,
        sum(shelf_discount) AS shelf_discount, sum(offer_discount) AS offer_discount
    FROM kept GROUP BY ALL
)
SELECT customer_id, week, category, sum(units) AS units, sum(gross) AS gross,
    sum(shelf_discount) AS shelf_discount, sum(offer_discount) AS offer_discount,
    count(*)::USMALLINT AS baskets
FROM visits GROUP BY ALL
"""

LEDGER = """
SELECT product_id, week, median(gross / quantity) AS regular_price,
    median((gross - shelf_discount) / quantity) AS shelf_price, sum(quantity) AS units
FROM kept GROUP BY ALL
"""

BASKETS = """
CREATE TABLE baskets AS
SELECT basket_id, customer_id, min(moment) AS moment, min(week) AS week, count(*) AS lines,
    sum(quantity) AS units, sum(sales_value) AS sales, sum(gross) AS gross,
    sum(shelf_discount + offer_discount) AS discount,
    count(*) FILTER (shelf_discount + offer_discount > 0) AS deals
FROM kept GROUP BY basket_id, customer_id
"""

KINDS = """
CREATE TABLE kinds AS
SELECT customer_id, count(*) AS n_categories FROM (SELECT DISTINCT customer_id, kind FROM kept)
GROUP BY customer_id
"""


def share(test: str, name: str) -> str:
    return f"avg(({test})::INT) AS {name}"


def features() -> str:
    weekdays = ", ".join(share(f"isodow(moment) = {day + 1}", f"weekday_{day}") for day in range(7))
    bands = ", ".join(share(f"{BAND} = {band}", f"hours_{band}") for band in range(5))
    mix = ", ".join(
        f"coalesce(sum(gross) FILTER (category = {index}), 0) / sum(gross) AS category_{index}"
        for index in range(N_CATEGORIES + 1)
    )
    return f"""
WITH days AS (SELECT DISTINCT customer_id, moment::DATE AS day FROM baskets),
steps AS (
    SELECT customer_id, day - lag(day) OVER (PARTITION BY customer_id ORDER BY day) AS gap FROM days
),
gaps AS (
    SELECT customer_id, avg(gap) AS gap_mean,
        CASE WHEN count(gap) >= 2 THEN stddev_pop(gap) / avg(gap) END AS gap_cv
    FROM steps GROUP BY customer_id
),
habits AS (
    SELECT customer_id,
        any_value(last_day) - max(moment)::DATE AS recency_days,
        any_value(last_day) - min(moment)::DATE AS tenure_days,
        count(*) AS baskets,
        count(DISTINCT week) / (any_value(n_weeks) - min(week)) AS frequency,
        sum(sales) / count(*) AS monetary_basket,
        sum(sales) / (any_value(n_weeks) - min(week)) AS monetary_week,
        sum(lines) / count(*) AS basket_lines,
        sum(units) / count(*) AS basket_units,
        sum(gross) / count(*) AS basket_value,
        {weekdays}, {bands},
        sum(discount) / sum(gross) AS discount_share,
        sum(deals) / sum(lines) AS deal_share
    FROM baskets, span GROUP BY customer_id
),
mix AS (SELECT customer_id, {mix} FROM cells GROUP BY customer_id)
SELECT * FROM habits JOIN gaps USING (customer_id) JOIN mix USING (customer_id)
JOIN kinds USING (customer_id)
"""


def removed_by_rule(database, path: str) -> tuple:
    pair = "count(*), coalesce(sum(sales_value), 0)"
    source = "FROM read_parquet($path)"
    read = database.execute(f"SELECT {pair} {source}", {"path": path}).fetchone()
    missing = f"SELECT {pair} {source} WHERE NOT ({COMPLETE})"
    repeats = "SELECT sum(extra), sum(extra * sales_value) FROM judged"
    implausible = "SELECT sum(rows), sum(sales) FROM sold WHERE NOT plausible"
    removed = {
        "missing_key": database.execute(missing, {"path": path}).fetchone(),
        "duplicate_line": database.execute(repeats).fetchone(),
        "implausible_unit_price": [
            value or 0 for value in database.execute(implausible).fetchone()
        ],
    }
    by_line = f"SELECT rule, {pair} FROM judged WHERE rule IS NOT NULL GROUP BY rule"
    for index, rows, sales in database.execute(by_line).fetchall():
        removed[RULES[index]] = (rows, sales)
    return read, removed


def main():
    args = arguments()
    file = args.out / "scratch.duckdb"
    database = duckdb.connect(str(file))
    if args.memory_limit:
        database.execute(f"SET memory_limit = '{args.memory_limit}'")
    database.execute(f"SET temp_directory = '{args.out / 'spill'}'")
    database.execute("SET preserve_insertion_order = false")
    transactions = {"path": str(args.data / "transactions.parquet")}
    products = {"path": str(args.data / "products.parquet")}
    database.execute(JUDGED, transactions)
    database.execute(BOUNDS)
    database.execute(SOLD)
    database.execute(CATEGORIES, products)
    database.execute(NAMED, products)
    database.execute(SPAN)
    write_account(args.out, *removed_by_rule(database, transactions["path"]))
    database.execute(KEPT)
    for statement in (CELLS, BASKETS, KINDS):
        database.execute(statement)
    plans = {
        "cells": "FROM cells",
        "categories": "FROM largest",
        "ledger": LEDGER,
        "features": features(),
    }
    for name, plan in plans.items():
        target = str(args.out / f"{name}.parquet")
        database.execute(f"COPY ({plan}) TO '{target}' {ZSTD}")
    database.close()
    file.unlink()


if __name__ == "__main__":
    main()
