//! Files made for the tests: the same lines of sales in the words of different teams.

use std::path::PathBuf;

use super::*;

/// A small generator, so that samples are rich but the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// One sales line of a generated week: basket, customer, day of 28, store, product, units, cents.
pub(super) struct Sold {
    pub(super) basket: u64,
    pub(super) customer: u64,
    pub(super) day: u64,
    pub(super) store: u64,
    pub(super) product: u64,
    pub(super) units: u64,
    pub(super) cents: u64,
}

/// Three hundred lines in baskets of one to five.
pub(super) fn sold() -> Vec<Sold> {
    let mut dice = Dice(7);
    let mut lines = Vec::new();
    for basket in 0..100 {
        let (customer, day, store) = (dice.roll(40), dice.roll(28), dice.roll(4));
        for _ in 0..=dice.roll(5) {
            let product = dice.roll(25);
            let units = 1 + dice.roll(10) / 7 + dice.roll(10) / 9;
            let cents = 99 + product * 37;
            lines.push(Sold { basket, customer, day, store, product, units, cents });
        }
    }
    lines
}

/// A text file of generated lines.
pub(super) fn text(header: &str, line: impl Fn(&Sold) -> String) -> String {
    let lines: Vec<String> = sold().iter().map(line).collect();
    format!("{header}\n{}\n", lines.join("\n"))
}

pub(super) fn look(file: &str, text: &str) -> Proposal {
    look_at_bytes(file, text.as_bytes())
}

pub(super) fn look_at_bytes(file: &str, head: &[u8]) -> Proposal {
    propose_mapping(&sample_from_text(PathBuf::from(file), head))
}

pub(super) fn euros(cents: u64) -> String {
    format!("{},{:02}", cents / 100, cents % 100)
}

pub(super) fn dollars(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

pub(super) fn german_pos() -> String {
    text(
        "Bon-Nr;Datum;Filiale;Kundennummer;Artikelnummer;\
         Bezeichnung;Menge;Einzelpreis;Umsatz;Rabatt;MwSt",
        |s| {
            let name = ["Milch 3,5%", "Brötchen", "Käse"][s.product as usize % 3];
            let off = if s.basket % 3 == 0 { s.cents / 5 } else { 0 };
            format!(
                "{};{:02}.03.2024;{};K{:05};4000{:04};{name};{};{};{};{};7,00",
                70_000 + s.basket,
                s.day + 1,
                s.store + 1,
                s.customer,
                s.product,
                s.units,
                euros(s.cents),
                euros(s.cents * s.units - off),
                euros(off)
            )
        },
    )
}

/// The transactions of the Complete Journey, as Parquet types and text.
pub(super) fn complete_journey() -> Sample {
    let columns = [
        ("household_id", "String"),
        ("store_id", "String"),
        ("basket_id", "String"),
        ("product_id", "String"),
        ("quantity", "Float64"),
        ("sales_value", "Float64"),
        ("retail_disc", "Float64"),
        ("coupon_disc", "Float64"),
        ("coupon_match_disc", "Float64"),
        ("week", "Int32"),
        ("transaction_timestamp", "Datetime(Microseconds, Some(UTC))"),
    ];
    let rows = sold().into_iter().map(|s| {
        let hour = 8 + s.basket % 12;
        vec![
            s.customer.to_string(),
            (300 + s.store).to_string(),
            (31_198_500_000 + s.basket).to_string(),
            (900_000 + s.product).to_string(),
            format!("{}.0", s.units),
            dollars(s.cents * s.units),
            if s.basket % 2 == 0 { "0.3" } else { "0.0" }.to_owned(),
            if s.basket % 11 == 0 { "0.5" } else { "0.0" }.to_owned(),
            if s.basket % 9 == 0 { "0.2" } else { "0.0" }.to_owned(),
            (1 + s.day / 7).to_string(),
            format!("2017-01-{:02} {hour:02}:30:00", s.day + 1),
        ]
    });
    Sample {
        file: PathBuf::from("data/transactions.parquet"),
        header: columns.iter().map(|one| one.0.to_owned()).collect(),
        types: columns.iter().map(|one| Some(one.1.to_owned())).collect(),
        rows: rows.collect(),
        dialect: None,
    }
}
