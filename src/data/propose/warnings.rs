//! What to look at before relying on a file.

use super::Sample;
use super::column::FileColumns;
use super::dates::milliseconds;
use super::lines::{is_product, price_votes};
use super::table::{Mapping, is_empty};
use super::text::percent;
use super::{SURE_ENOUGH, TableGuess};

/// Everything worth saying about the file, the most important first.
pub(super) fn about(
    sample: &Sample,
    file: &FileColumns,
    mapping: Option<&Mapping>,
    guesses: &[TableGuess],
) -> Vec<String> {
    let mut warnings = about_file(sample, file);
    let Some(mapping) = mapping else {
        warnings.push(no_table(file, guesses));
        return warnings;
    };
    for column in mapping.schema.columns.iter().filter(|column| column.required) {
        if mapping.fit(column.name).is_none() {
            warnings.push(format!("no column of the file looks like {}", column.name));
        }
    }
    about_missing(file, mapping, &mut warnings);
    about_dates(file, mapping, &mut warnings);
    let counted = file.columns.iter().find(|column| {
        let numbers = column.content.numbers.filter(|_| column.meaning == Some("date"));
        numbers.is_some_and(|numbers| milliseconds(numbers.min) && milliseconds(numbers.max))
    });
    if let Some(column) = counted {
        warnings.push(format!(
            "`{}` seems to hold milliseconds since 1970: divide by 1000 for date_format \"unix\"",
            column.name
        ));
    }
    match mapping.schema.table {
        "transactions" => about_lines(file, mapping, &mut warnings),
        "products" => about_products(file, mapping, &mut warnings),
        "offers" => {
            let depth = content(file, mapping, "depth").and_then(|content| content.numbers);
            if depth.is_some_and(|numbers| numbers.max > 1.0) {
                let words = "depth is wanted as a fraction (0.2 for 20 % off): divide by 100";
                warnings.push(words.to_owned());
            }
        }
        "exposures" if mapping.fit("propensity").is_none() => {
            warnings.push(
                "no propensity: policies cannot be judged on these exposures without assumptions"
                    .to_owned(),
            );
        }
        _ => {}
    }
    about_customers(file, mapping, &mut warnings);
    warnings
}

fn about_file(sample: &Sample, file: &FileColumns) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(dialect) = &sample.dialect {
        if dialect.encoding.confidence == 0.0 {
            warnings.push(format!("not a text table: {}", dialect.encoding.evidence));
        }
        if file.nameless && !sample.rows.is_empty() {
            warnings.push(format!(
                "the file seems to have no header ({}): add a line with the names of the columns",
                dialect.header.evidence
            ));
        }
        for (what, confidence, evidence) in [
            ("delimiter", dialect.delimiter.confidence, &dialect.delimiter.evidence),
            ("encoding", dialect.encoding.confidence, &dialect.encoding.evidence),
        ] {
            if (0.01..SURE_ENOUGH).contains(&confidence) && sample.header.len() > 1 {
                warnings.push(format!("check the {what}: {evidence}"));
            }
        }
    }
    if is_empty(sample) {
        warnings.push("the file has no values".to_owned());
    }
    if file.columns.len() < sample.header.len() {
        warnings.push(format!(
            "the file has {} columns, of which the first {} were looked at; sales lines have one \
             row per product sold, not one column per product or day",
            sample.header.len(),
            file.columns.len()
        ));
    }
    let mut names: Vec<&String> = sample.header.iter().collect();
    names.sort();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        warnings.push(format!("two columns are called {:?}: rename one", pair[0]));
    }
    warnings
}

fn no_table(file: &FileColumns, guesses: &[TableGuess]) -> String {
    let meaning = |word: &str| file.columns.iter().any(|column| column.meaning == Some(word));
    let lacking: Vec<&str> = [
        ("customer_id", "a customer"),
        ("date", "a date"),
        ("product_id", "a product"),
        ("quantity", "a quantity"),
        ("sales_value", "a sales value"),
    ]
    .into_iter()
    .filter(|(concept, _)| !meaning(concept))
    .map(|(_, words)| words)
    .collect();
    let nearest = guesses.iter().find(|guess| !guess.name.is_empty());
    let nearest = nearest.map_or(String::new(), |guess| format!("; nearest: {}", guess.name));
    if meaning("response to an offer") {
        return format!(
            "none of the tables: no sales lines (no column for {}), it looks like the result of a \
             campaign with one row per person{nearest}",
            lacking.join(", ")
        );
    }
    format!("none of the tables: no column for {}{nearest}", lacking.join(", "))
}

fn content<'a>(
    file: &'a FileColumns,
    mapping: &Mapping,
    canonical: &str,
) -> Option<&'a super::content::Content> {
    mapping.fit(canonical).map(|fit| &file.columns[fit.column].content)
}

/// What could be made into a needed column that is missing.
fn about_missing(file: &FileColumns, mapping: &Mapping, warnings: &mut Vec<String>) {
    let lacks = |canonical: &str| {
        let needed = mapping.schema.columns.iter().any(|one| one.name == canonical && one.required);
        needed && mapping.fit(canonical).is_none_or(|fit| fit.confidence() < SURE_ENOUGH)
    };
    let called = |meaning: &str| file.columns.iter().find(|one| one.meaning == Some(meaning));
    if let Some(price) = called("unit price").filter(|_| lacks("sales_value")) {
        warnings.push(format!(
            "`{}` is called a unit price: add a column with quantity times price, less discounts",
            price.name
        ));
    }
    let count = ["date", "week"].into_iter().find_map(called);
    if let Some(count) = count.filter(|one| lacks("date") && one.content.numbers.is_some()) {
        warnings
            .push(format!("`{}` counts days or weeks: turn it into calendar dates", count.name));
    }
}

fn about_dates(file: &FileColumns, mapping: &Mapping, warnings: &mut Vec<String>) {
    let Some(content) = content(file, mapping, "date") else { return };
    if let Some(example) = &content.unreadable_date {
        warnings.push(format!(
            "dates such as {example:?} cannot be read: write them with four-digit years as \
             2024-12-31, 31.12.2024, 31/12/2024 or 20241231"
        ));
    }
    let fit = content.dates.as_ref().filter(|fit| (fit.confidence - 0.5).abs() < 1e-9);
    if let Some(fit) = fit.filter(|_| !content.declared_date) {
        warnings.push(format!("the order of day and month is ambiguous: {}", fit.evidence));
    }
}

fn about_lines(file: &FileColumns, mapping: &Mapping, warnings: &mut Vec<String>) {
    let sure = |name: &str| mapping.fit(name).is_some_and(|fit| fit.confidence() >= SURE_ENOUGH);
    if !sure("basket_id") {
        warnings.push(
            "no basket id: the lines of one customer on one day count as one basket".to_owned(),
        );
    }
    let quantity = content(file, mapping, "quantity");
    if let Some(numbers) = quantity.and_then(|content| content.numbers) {
        if numbers.whole < 0.95 {
            let share = percent(1.0 - numbers.whole);
            warnings.push(format!(
                "quantity holds weights or volumes: {share} of the values are fractions"
            ));
        } else if numbers.p99 > 100.0 {
            warnings.push(format!(
                "quantity holds weights or volumes: 1 in 100 lines has {} or more",
                numbers.p99
            ));
        }
        if numbers.negative > 0.0 {
            let share = percent(numbers.negative.max(0.01));
            warnings.push(format!("{share} of the quantities are negative: returns"));
        }
    }
    about_sales(file, mapping, warnings);
    for name in ["shelf_discount", "offer_discount"] {
        let numbers = content(file, mapping, name).and_then(|content| content.numbers);
        if let Some(numbers) = numbers.filter(|_| sure(name)) {
            let positive = 1.0 - numbers.negative - numbers.zero;
            if numbers.negative > positive {
                warnings.push(format!("{name} is written as negative amounts: signs are flipped"));
            } else if numbers.negative > 0.0 {
                warnings.push(format!("{name} has both signs: look at the negative ones"));
            }
        }
    }
}

fn about_sales(file: &FileColumns, mapping: &Mapping, warnings: &mut Vec<String>) {
    let (Some(sales), Some(quantity)) =
        (mapping.fit("sales_value"), content(file, mapping, "quantity"))
    else {
        return;
    };
    let (column, name) = (sales.column, &file.columns[sales.column].name);
    let amounts = &file.columns[column].content;
    let Some(numbers) = amounts.numbers else { return };
    let others = file.columns.iter().enumerate().filter(|(other, _)| *other != column);
    let others: Vec<_> = others.filter(|(_, one)| one.content.fractions()).take(30).collect();
    let product_of = others.iter().find_map(|(_, price)| {
        let share = is_product(&quantity.values, &price.content.values, &amounts.values)?;
        (share > 0.9).then_some((&price.name, share))
    });
    let total = others.iter().find_map(|(_, total)| {
        let share = is_product(&quantity.values, &amounts.values, &total.content.values)?;
        (share > 0.9).then_some((&total.name, share))
    });
    let product = content(file, mapping, "product_id");
    let votes = product.map(|one| price_votes(&one.codes, &quantity.values, &amounts.values));
    let said_price = file.columns[column].meaning == Some("unit price");
    match (product_of, total, votes) {
        (Some((price, share)), _, _) => warnings.push(format!(
            "`{name}` equals quantity times `{price}` on {} of the lines, so it is the value of \
             the line; check that discounts are taken off",
            percent(share)
        )),
        (None, Some((total, share)), _) => warnings.push(format!(
            "`{name}` seems to be a unit price: quantity times it is `{total}` on {} of the \
             lines; map sales_value to `{total}`",
            percent(share)
        )),
        (None, None, Some(votes))
            if votes.unit_price >= 10 && votes.unit_price > 3 * votes.line_value =>
        {
            warnings.push(format!(
                "`{name}` seems to be a unit price: on {} of {} lines with several units it is \
                 as large as for one unit; sales_value is what was paid for the whole line",
                votes.unit_price,
                votes.unit_price + votes.line_value
            ));
        }
        _ if said_price => warnings.push(format!(
            "`{name}` is called a unit price; sales_value is what was paid for the whole line"
        )),
        _ => {}
    }
    if numbers.whole == 1.0 && numbers.median >= 80.0 {
        warnings.push(format!(
            "`{name}` may be in cents: all values are whole and the median is {}",
            numbers.median
        ));
    }
    if numbers.negative > 0.0 && numbers.negative <= 0.5 {
        let share = percent(numbers.negative.max(0.01));
        warnings.push(format!("{share} of the sales values are negative: returns or corrections"));
    }
}

fn about_products(file: &FileColumns, mapping: &Mapping, warnings: &mut Vec<String>) {
    if mapping.fit("unit_cost").is_none() && mapping.fit("margin_rate").is_none() {
        let words = "neither unit cost nor margin: default_margin_rate is used and said so";
        warnings.push(words.to_owned());
    }
    let margin = content(file, mapping, "margin_rate").and_then(|content| content.numbers);
    if margin.is_some_and(|numbers| numbers.max > 1.0) {
        let words = "margin_rate is wanted as a fraction (0.3 for 30 %): divide by 100";
        warnings.push(words.to_owned());
    }
    let id = mapping.fit("product_id").map(|fit| &file.columns[fit.column].content);
    if id.is_some_and(|id| file.rows > 1 && !id.unique()) {
        warnings.push("product_id comes again or is missing; one row a product is wanted".into());
    }
}

fn about_customers(file: &FileColumns, mapping: &Mapping, warnings: &mut Vec<String>) {
    let Some(fit) = mapping.fit("customer_id") else { return };
    let column = &file.columns[fit.column];
    let what = if column.content.emails > 0.8 {
        "an e-mail address"
    } else if column.content.cards > 0.95 && column.content.filled > 9 {
        "perhaps the number of a payment card"
    } else if column.content.phones > 0.8 {
        "a telephone number"
    } else {
        ""
    };
    if !what.is_empty() {
        warnings.push(format!(
            "customer_id is {what}: it is stored as a salted hash only, but leave keep_ids off"
        ));
    }
    let missing = 1.0 - column.content.filled as f64 / file.rows.max(1) as f64;
    if missing > 0.05 {
        let share = percent(missing);
        warnings.push(format!("{share} of the rows have no customer; those are left out"));
    }
}
