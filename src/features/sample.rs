//! A sample of rows that depends on what the rows are, not on the order they stand in.

use promopt_envs::SeedTree;

use super::matrix::Matrix;

/// Positions of at most `max_rows` rows drawn without replacement, in lexicographic order of the
/// rows; all of them, in that order and without a draw, when there are no more.
#[must_use]
pub(crate) fn ordered_sample(points: &Matrix, max_rows: usize, seeds: SeedTree) -> Vec<usize> {
    sample_of(&points.sorted_order(), max_rows, seeds)
}

/// At most `max_rows` of these positions drawn without replacement, in the order given.
#[must_use]
pub(crate) fn sample_of(order: &[usize], max_rows: usize, seeds: SeedTree) -> Vec<usize> {
    if order.len() <= max_rows {
        return order.to_vec();
    }
    let mut drawn = rand::seq::index::sample(&mut seeds.stream(), order.len(), max_rows).into_vec();
    drawn.sort_unstable();
    drawn.into_iter().map(|position| order[position]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_holds_the_same_rows_in_any_order_of_the_data() {
        let rows: Vec<[f64; 1]> = (0..50).map(|i| [f64::from(i * 17 % 50)]).collect();
        let points = Matrix::from_rows(&rows).expect("equal length");
        let backwards = points.select(&(0..50).rev().collect::<Vec<_>>());
        let drawn = |points: &Matrix, max_rows| {
            points.select(&ordered_sample(points, max_rows, SeedTree::new(3))).column(0)
        };
        assert_eq!(drawn(&points, 20), drawn(&backwards, 20));
        assert!(drawn(&points, 20).is_sorted_by(|a, b| a < b));
        assert_eq!(drawn(&points, 50), (0..50).map(f64::from).collect::<Vec<_>>());
    }
}
