//! No figure about fewer than ten customers leaves the persona page.

use super::persona_page::{Migration, PersonaPage};
use super::supplement::SMALLEST;

/// The page without any measured figure about fewer than ten customers.
pub(super) fn suppressed(page: &PersonaPage) -> PersonaPage {
    let mut page = page.clone();
    for persona in &mut page.personas {
        persona.size = persona.size.filter(|size| *size >= SMALLEST);
        if persona.size.is_none() {
            persona.share = None;
            persona.profile.clear();
            persona.description.clear();
            persona.stages.clear();
            persona.expected_purchases = None;
            persona.lifetime_value = None;
        }
    }
    let hidden: Vec<bool> = page.personas.iter().map(|persona| persona.size.is_none()).collect();
    let is_hidden = |persona: usize| hidden.get(persona).copied().unwrap_or(false);
    for row in &mut page.heat_map.z_scores {
        for (_, cell) in row.iter_mut().enumerate().filter(|(column, _)| is_hidden(*column)) {
            *cell = f64::NAN;
        }
    }
    if let Some(map) = &mut page.pca {
        map.points.retain(|point| !is_hidden(point.persona));
    }
    page.silhouettes.retain(|group| !is_hidden(group.persona));
    page.migrations.iter_mut().for_each(hide_cells);
    for row in page.calibration.iter_mut().flat_map(|check| &mut check.by_past_purchases) {
        row.customers = row.customers.filter(|customers| *customers >= SMALLEST);
        if row.customers.is_none() {
            (row.actual, row.predicted) = (f64::NAN, f64::NAN);
        }
    }
    page
}

/// Hides small cells and their shares. A hidden cell that is alone in its row or column could be
/// worked out from the rest, so then the smallest shown cell of that row or column goes too.
fn hide_cells(migration: &mut Migration) {
    let counts = &mut migration.counts;
    counts.iter_mut().flatten().for_each(|count| *count = count.filter(|n| *n >= SMALLEST));
    let widest = counts.iter().map(Vec::len).max().unwrap_or(0);
    let rows = (0..counts.len()).map(|row| (0..counts[row].len()).map(|c| (row, c)).collect());
    let of_column = |column| (0..counts.len()).map(|row| (row, column)).collect();
    let all: Vec<Vec<(usize, usize)>> = rows.chain((0..widest).map(of_column)).collect();
    while let Some((row, column)) = all.iter().find_map(|line| lone_partner(counts, line)) {
        counts[row][column] = Some(WITHHELD);
    }
    for (counts, shares) in counts.iter().zip(&mut migration.row_shares) {
        for (_, share) in counts.iter().zip(shares).filter(|(count, _)| !is_shown(**count)) {
            *share = f64::NAN;
        }
    }
}

fn is_shown(count: Option<u64>) -> bool {
    count.is_some_and(|count| count != WITHHELD)
}

/// The cell to hide beside one that is alone in a line: where a crossing line already has a hidden
/// cell, so that this does not spread, and there the smallest.
fn lone_partner(counts: &[Vec<Option<u64>>], line: &[(usize, usize)]) -> Option<(usize, usize)> {
    let count = |at: &(usize, usize)| counts[at.0].get(at.1).copied();
    let hides = |at: &(usize, usize)| count(at).is_some_and(|count| !is_shown(count));
    let mut hidden = line.iter().filter(|at| hides(at));
    let (alone, None) = (hidden.next()?, hidden.next()) else {
        return None;
    };
    let crosses_hidden = |at: &(usize, usize)| {
        let elsewhere = |cell: &(usize, usize)| cell != at && cell != alone && hides(cell);
        (0..counts.len()).any(|row| elsewhere(&(row, at.1)))
            || (0..counts[at.0].len()).any(|column| elsewhere(&(at.0, column)))
    };
    let shown = line.iter().filter(|at| count(at).is_some_and(is_shown));
    shown.min_by_key(|at| (!crosses_hidden(at), count(at))).copied()
}

/// Marks a cell that is large enough but would give a smaller one away.
pub(super) const WITHHELD: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::super::persona_sample::realistic;
    use super::*;

    #[test]
    fn everything_measured_about_a_small_persona_goes() {
        let mut page = realistic();
        page.personas[1].size = Some(9);
        let page = suppressed(&page);
        let persona = &page.personas[1];
        assert!(persona.size.is_none() && persona.share.is_none() && persona.profile.is_empty());
        assert!(persona.lifetime_value.is_none() && persona.stages.is_empty());
        assert!(page.heat_map.z_scores.iter().all(|row| row[1].is_nan() && !row[0].is_nan()));
        let map = page.pca.expect("the sample has a map");
        assert!(map.points.iter().all(|point| point.persona != 1) && !map.points.is_empty());
        assert!(page.silhouettes.iter().all(|group| group.persona != 1));
    }

    #[test]
    fn a_lone_small_cell_takes_the_next_smallest_of_its_row_and_column_with_it() {
        let mut migration = Migration {
            counts: vec![vec![Some(300), Some(9), Some(40)], vec![Some(10), Some(20), Some(30)]],
            row_shares: vec![vec![0.86, 0.02, 0.12], vec![0.17, 0.33, 0.5]],
            ..Migration::default()
        };
        hide_cells(&mut migration);
        assert_eq!(migration.counts[0], [Some(300), None, Some(WITHHELD)]);
        assert_eq!(migration.counts[1], [Some(10), Some(WITHHELD), Some(WITHHELD)]);
        assert_eq!((migration.row_shares[0][0], migration.row_shares[1][0]), (0.86, 0.17));
        assert!(migration.row_shares.iter().all(|row| row[1].is_nan() && row[2].is_nan()));
    }

    #[test]
    fn a_table_without_small_cells_is_shown_whole() {
        let whole = Migration {
            counts: vec![vec![Some(10), Some(20)], vec![Some(30), Some(40)]],
            row_shares: vec![vec![0.33, 0.67], vec![0.43, 0.57]],
            ..Migration::default()
        };
        let mut shown = whole.clone();
        hide_cells(&mut shown);
        assert_eq!(shown, whole);
    }

    #[test]
    fn a_row_of_the_calibration_with_nine_customers_shows_nothing() {
        let mut page = realistic();
        let rows = &mut page.calibration.as_mut().expect("the sample has one").by_past_purchases;
        rows[0].customers = Some(9);
        let page = suppressed(&page);
        let rows = &page.calibration.as_ref().expect("still there").by_past_purchases;
        assert!(rows[0].actual.is_nan() && rows[0].predicted.is_nan());
        assert!(rows[1].actual.is_finite());
    }
}
