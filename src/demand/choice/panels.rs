//! Panels of product lines, real and simulated, and the past that a simulation starts from.

use super::fitting::ChoiceData;
use crate::data::{ProductCell, ProductTable};
use crate::demand::panel::{Panel, PanelLine};
use promopt_envs::SeedTree;
use promopt_envs::retail::{ChoiceWeeks, CustomerChoices, WeekRecord};
use rayon::prelude::*;
use std::ops::Range;

/// What the first `persona.len()` customers really bought in some weeks.
#[must_use]
pub fn real_panel(
    products: &ProductTable,
    lines: &[ProductCell],
    persona: &[usize],
    weeks: Range<u32>,
) -> Panel {
    let watched = |line: &&ProductCell| {
        weeks.contains(&line.week) && (line.customer as usize) < persona.len()
    };
    let line = |line: &ProductCell| PanelLine {
        customer: line.customer,
        week: line.week - weeks.start,
        product: line.product,
        units: line.units,
        price: (line.gross - line.shelf_discount) / line.units,
    };
    let lines = lines.iter().filter(watched).map(line).collect();
    panel(products, persona, weeks.len() as u32, lines)
}

/// The customers' own lines before week `until`, as the past that choices start from.
#[must_use]
pub fn starting_choices(
    data: &ChoiceData<'_>,
    weeks: &ChoiceWeeks<'_>,
    until: u32,
) -> Vec<CustomerChoices> {
    let mut past = vec![CustomerChoices::default(); data.persona.len()];
    for line in data.lines.iter().filter(|line| line.week < until) {
        if let Some(own) = past.get_mut(line.customer as usize) {
            own.record(weeks, line.product);
        }
    }
    past
}

/// Simulated weeks as product lines: `records` holds the weeks of one customer after the other,
/// `[customers][n_weeks]`, and week `w` of them meets week `w` of `weeks`.
///
/// Every customer has a random stream of its own, so the panel does not depend on threads.
#[must_use]
pub fn simulated_panel(
    products: &ProductTable,
    weeks: &ChoiceWeeks<'_>,
    past: &[CustomerChoices],
    persona: &[usize],
    records: &[Vec<WeekRecord>],
    seed: SeedTree,
) -> Panel {
    let one = |(customer, records): (usize, &Vec<WeekRecord>)| -> Vec<PanelLine> {
        let mut rng = seed.index(customer as u64).stream();
        let mut past = past[customer].clone();
        let (mut dealt, mut lines) = (Vec::new(), Vec::new());
        for (week, record) in records.iter().enumerate() {
            weeks.expand(week, persona[customer], &mut past, record, &mut rng, &mut dealt);
            let first = lines.len();
            lines.extend(dealt.iter().map(|line| PanelLine {
                customer: customer as u32,
                week: week as u32,
                product: line.product,
                units: line.units,
                price: line.price,
            }));
            lines[first..].sort_unstable_by_key(|line| line.product);
        }
        lines
    };
    let lines: Vec<Vec<PanelLine>> = records.par_iter().enumerate().map(one).collect();
    let n_weeks = records.iter().map(Vec::len).max().unwrap_or(0) as u32;
    panel(products, persona, n_weeks, lines.concat())
}

fn panel(products: &ProductTable, persona: &[usize], n_weeks: u32, lines: Vec<PanelLine>) -> Panel {
    let group_of = products.rows.iter().map(|row| row.group).collect();
    Panel { n_customers: persona.len(), n_weeks, persona: persona.to_vec(), group_of, lines }
}
