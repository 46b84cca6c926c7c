//! One pass over the rows: counts, means and centred products of all columns by group.

use crate::experiment::JointMoments;

/// Moments of the same columns in several groups.
#[derive(Debug, Clone)]
pub struct Sums {
    width: usize,
    groups: Vec<Group>,
}

/// Sums of one group about a centre close to its mean.
#[derive(Debug, Clone)]
struct Group {
    n: f64,
    centre: Vec<f64>,
    /// `Σ (x − centre)`.
    first: Vec<f64>,
    /// `Σ (xᵢ − centreᵢ)(xⱼ − centreⱼ)`, `j ≤ i`, row-major.
    second: Vec<f64>,
}

impl Sums {
    /// Nothing yet, of so many columns.
    #[must_use]
    pub fn new(width: usize) -> Self {
        Self { width, groups: Vec::new() }
    }

    /// All rows of `columns` by `group_of`, below `n_groups`.
    #[must_use]
    pub fn of(columns: &[&[f64]], n_groups: usize, group_of: impl Fn(usize) -> usize) -> Self {
        let rows = columns.first().map_or(0, |column| column.len());
        let mut all = Self::new(columns.len());
        let groups: Vec<u32> = (0..rows).map(|row| group_of(row) as u32).collect();
        all.add(columns, &groups);
        all.reach(n_groups);
        all
    }

    /// Makes room for groups without rows.
    fn reach(&mut self, n_groups: usize) {
        let width = self.width;
        if self.groups.len() < n_groups {
            self.groups.resize_with(n_groups, || Group::new(width));
        }
    }

    /// Takes more rows in; `groups` says which each belongs to, and new ones are made as they appear.
    pub fn add(&mut self, columns: &[&[f64]], groups: &[u32]) {
        self.reach(groups.iter().map(|at| *at as usize + 1).max().unwrap_or(0));
        match self.width {
            0 => groups.iter().for_each(|at| self.groups[*at as usize].n += 1.0),
            1 => self.add_few::<1>(columns, groups),
            2 => self.add_few::<2>(columns, groups),
            3 => self.add_few::<3>(columns, groups),
            4 => self.add_few::<4>(columns, groups),
            _ => self.add_many(columns, groups),
        }
    }

    /// The number of columns is known when this is compiled, so that its loops are unrolled.
    #[allow(clippy::needless_range_loop, reason = "a row runs across several columns at once")]
    fn add_few<const K: usize>(&mut self, columns: &[&[f64]], groups: &[u32]) {
        let columns: [&[f64]; K] = std::array::from_fn(|k| &columns[k][..groups.len()]);
        let start = |group: &Group| {
            let centre: [f64; K] = std::array::from_fn(|k| group.centre[k]);
            (group.n, centre, [0.0; K], [[0.0; K]; K])
        };
        let mut sums: Vec<_> = self.groups.iter().map(start).collect();
        for (row, at) in groups.iter().enumerate() {
            let (n, centre, first, second) = &mut sums[*at as usize];
            // Written as loops: a call per number costs more than the sums.
            let mut off = [0.0; K];
            for k in 0..K {
                off[k] = columns[k][row];
            }
            if *n == 0.0 {
                *centre = off;
            }
            *n += 1.0;
            for k in 0..K {
                off[k] -= centre[k];
            }
            for i in 0..K {
                first[i] += off[i];
                for j in 0..=i {
                    second[i][j] += off[i] * off[j];
                }
            }
        }
        for (group, (n, centre, first, second)) in self.groups.iter_mut().zip(sums) {
            group.n = n;
            group.centre.copy_from_slice(&centre);
            group.first.iter_mut().zip(first).for_each(|(sum, x)| *sum += x);
            let second = (0..K).flat_map(|i| second[i][..=i].to_vec());
            group.second.iter_mut().zip(second).for_each(|(sum, x)| *sum += x);
        }
    }

    fn add_many(&mut self, columns: &[&[f64]], groups: &[u32]) {
        let mut off = vec![0.0; self.width];
        for (row, at) in groups.iter().enumerate() {
            let group = &mut self.groups[*at as usize];
            for (k, column) in columns.iter().enumerate() {
                if group.n == 0.0 {
                    group.centre[k] = column[row];
                }
                off[k] = column[row] - group.centre[k];
            }
            group.n += 1.0;
            let mut at = 0;
            for i in 0..off.len() {
                group.first[i] += off[i];
                for j in 0..=i {
                    group.second[at] += off[i] * off[j];
                    at += 1;
                }
            }
        }
    }

    /// The same groups under other numbers below `n_groups`, no two of which are the same.
    #[must_use]
    pub fn renumbered(self, n_groups: usize, number: impl Fn(usize) -> usize) -> Self {
        let mut all = Self::new(self.width);
        all.reach(n_groups);
        self.groups.into_iter().enumerate().for_each(|(at, group)| all.groups[number(at)] = group);
        all
    }

    /// Number of groups.
    #[must_use]
    pub fn n_groups(&self) -> usize {
        self.groups.len()
    }

    /// Number of rows of a group.
    #[must_use]
    pub fn n(&self, group: usize) -> f64 {
        self.groups[group].n
    }

    /// Sum of a column in a group.
    #[must_use]
    pub fn total(&self, group: usize, column: usize) -> f64 {
        let group = &self.groups[group];
        group.first[column] + group.n * group.centre[column]
    }

    /// Moments of some columns in one group.
    #[must_use]
    pub fn joint<const K: usize>(&self, group: usize, columns: [usize; K]) -> JointMoments<K> {
        let group = &self.groups[group];
        let n = group.n;
        if n == 0.0 {
            return JointMoments::default();
        }
        let second = |i: usize, j: usize| {
            let (i, j) = (i.max(j), i.min(j));
            group.second[i * (i + 1) / 2 + j]
        };
        let product = |i: usize, j: usize| second(i, j) - group.first[i] * group.first[j] / n;
        JointMoments {
            n,
            means: columns.map(|i| group.centre[i] + group.first[i] / n),
            products: columns.map(|i| columns.map(|j| product(i, j))),
        }
    }

    /// Moments of some columns in several groups together.
    #[must_use]
    pub fn together<const K: usize>(
        &self,
        groups: impl Iterator<Item = usize>,
        columns: [usize; K],
    ) -> JointMoments<K> {
        groups.fold(JointMoments::default(), |all, group| all.merge(self.joint(group, columns)))
    }
}

impl Group {
    fn new(width: usize) -> Self {
        let second = vec![0.0; width * (width + 1) / 2];
        Self { n: 0.0, centre: vec![0.0; width], first: vec![0.0; width], second }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_columns_gives_the_moments_of_each_group() {
        let column = |k: usize| -> Vec<f64> {
            (0..500).map(|i| ((i * (k + 3) + k) % 17) as f64 + 1e5 * k as f64).collect()
        };
        let columns: Vec<Vec<f64>> = (0..6).map(column).collect();
        for width in 1..=6 {
            let views: Vec<&[f64]> = columns[..width].iter().map(Vec::as_slice).collect();
            let sums = Sums::of(&views, 3, |row| row % 3);
            let last = width - 1;
            for group in 0..3 {
                let rows = (group..500).step_by(3).map(|i| [columns[0][i], columns[last][i]]);
                let expected = JointMoments::of(rows);
                let found = sums.joint(group, [0, last]);
                assert_eq!(found.n, expected.n);
                for i in 0..2 {
                    assert!((found.means[i] - expected.means[i]).abs() < 1e-9);
                    let off = found.products[0][i] - expected.products[0][i];
                    assert!(off.abs() < 1e-8 * expected.products[0][0], "{width} {group} {off:e}");
                }
            }
            let whole = JointMoments::of(columns[0].iter().map(|x| [*x]));
            let found = sums.together(0..3, [0]);
            assert!((found.products[0][0] / whole.products[0][0] - 1.0).abs() < 1e-12);
        }
        // In pieces, and under other numbers.
        let mut pieces = Sums::new(1);
        for part in [0..200, 200..500] {
            let groups: Vec<u32> = part.clone().map(|row| (row % 3) as u32).collect();
            pieces.add(&[&columns[0][part]], &groups);
        }
        let turned = pieces.clone().renumbered(4, |at| 3 - at);
        for group in 0..3 {
            let whole = Sums::of(&[&columns[0]], 3, |row| row % 3).joint(group, [0]);
            assert_eq!(pieces.joint(group, [0]).n, whole.n);
            let off = pieces.joint(group, [0]).products[0][0] / whole.products[0][0] - 1.0;
            assert!(off.abs() < 1e-12);
            assert_eq!(turned.joint(3 - group, [0]), pieces.joint(group, [0]));
        }
        assert_eq!(turned.n(0), 0.0);
        let constant = [0.1; 100];
        assert_eq!(Sums::of(&[&constant], 1, |_| 0).joint(0, [0]).covariance(0, 0), 0.0);
    }
}
