//! Dealing units to the arms of an experiment by a salted hash.

use super::error::RunError;
use crate::data::any_table::{AnyColumn, AnyTable, ColumnKind, Labels};
use promopt_envs::SeedTree;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Domain of the hash, so that no other use of a salt repeats it.
const ASSIGNMENT: &str = "assignment";

/// What is dealt.
#[derive(Debug, Clone)]
pub struct AssignRequest {
    /// CSV or Parquet, one row per unit.
    pub file: PathBuf,
    /// Column of the unit.
    pub id: String,
    /// Shares by arm.
    pub arms: Vec<(String, f64)>,
    /// Name of the experiment: another one deals anew.
    pub salt: String,
    /// Column of the group known before, within which shares are exact.
    pub persona: Option<String>,
    /// Where to write unit and arm.
    pub out: PathBuf,
}

/// How many units were dealt to each arm.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Assigned {
    /// Units by arm, in all and by group.
    pub units: BTreeMap<String, u64>,
    /// The same by group, when there are groups.
    pub by_persona: BTreeMap<String, BTreeMap<String, u64>>,
}

/// Place of a unit in `[0, 1)` by a hash of salt and identifier: the same on every machine and in every
/// version, whatever the other units are.
#[must_use]
pub fn place(salt: &str, id: &str) -> f64 {
    let hash = SeedTree::new(0).child(ASSIGNMENT).child(salt).child(id).seed();
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

/// Deals the units and writes who is in which arm.
///
/// Without groups a unit's arm depends on the salt and its identifier alone, so that a newcomer moves
/// nobody. Within groups units are ordered by that hash and cut at the shares: these are exact, but a
/// newcomer can move those next to a cut.
///
/// # Errors
/// [`RunError`] for files and columns that cannot be used, an identifier that appears twice, or a file
/// that cannot be written.
pub fn assign(request: &AssignRequest) -> Result<Assigned, RunError> {
    let table = AnyTable::open(&request.file)?;
    let mut wanted = vec![(request.id.as_str(), ColumnKind::Label)];
    wanted.extend(request.persona.iter().map(|name| (name.as_str(), ColumnKind::Label)));
    let mut read = table.read(&wanted)?.into_iter().map(AnyColumn::into_labels);
    let (ids, groups) = (read.next().unwrap_or_default(), read.next());
    if ids.names.len() < ids.codes.len() {
        return Err(RunError::Config(format!(
            "expected every unit once in column `{}` of {}, found {} rows of {} units; deal units, \
             not rows",
            request.id,
            request.file.display(),
            ids.codes.len(),
            ids.names.len()
        )));
    }
    let places: Vec<f64> = ids.names.iter().map(|id| place(&request.salt, id)).collect();
    let sum: f64 = request.arms.iter().map(|(_, share)| share).sum();
    let mut edge = 0.0;
    let edges: Vec<f64> = request
        .arms
        .iter()
        .map(|(_, share)| {
            edge += share / sum;
            edge
        })
        .collect();
    let last = edges.len() - 1;
    let arm_at = |place: f64| edges.partition_point(|edge| *edge <= place).min(last);
    // Arm of each row.
    let arms: Vec<usize> = match &groups {
        None => ids.codes.iter().map(|code| arm_at(places[*code as usize])).collect(),
        Some(groups) => within_groups(&ids, groups, &places, arm_at),
    };
    write_assignment(request, &ids, groups.as_ref(), &arms)?;
    let mut found = Assigned { units: BTreeMap::new(), by_persona: BTreeMap::new() };
    for (row, arm) in arms.iter().enumerate() {
        let name = &request.arms[*arm].0;
        *found.units.entry(name.clone()).or_default() += 1;
        if let Some(groups) = &groups {
            let group = groups.names[groups.codes[row] as usize].clone();
            *found.by_persona.entry(group).or_default().entry(name.clone()).or_default() += 1;
        }
    }
    Ok(found)
}

/// Arm of each row: units of a group in the order of their places, cut at the shares.
fn within_groups(
    ids: &Labels,
    groups: &Labels,
    places: &[f64],
    arm_at: impl Fn(f64) -> usize,
) -> Vec<usize> {
    let mut arms = vec![0; ids.codes.len()];
    for group in 0..groups.names.len() {
        let mut rows: Vec<usize> =
            (0..arms.len()).filter(|row| groups.codes[*row] as usize == group).collect();
        let key = |row: &usize| (places[ids.codes[*row] as usize], ids.codes[*row]);
        rows.sort_by(|a, b| key(a).0.total_cmp(&key(b).0).then(key(a).1.cmp(&key(b).1)));
        let n = rows.len() as f64;
        for (rank, row) in rows.into_iter().enumerate() {
            arms[row] = arm_at((rank as f64 + 0.5) / n);
        }
    }
    arms
}

fn write_assignment(
    request: &AssignRequest,
    ids: &Labels,
    groups: Option<&Labels>,
    arms: &[usize],
) -> Result<(), RunError> {
    let failed = |e: csv::Error| RunError::io("write", &request.out)(e.into());
    let pending = request.out.with_extension("pending");
    let mut writer = csv::Writer::from_path(&pending).map_err(failed)?;
    let mut header = vec![request.id.as_str(), "arm"];
    header.extend(request.persona.as_deref());
    writer.write_record(&header).map_err(failed)?;
    for (row, arm) in arms.iter().enumerate() {
        let mut fields = vec![ids.at(row), request.arms[*arm].0.as_str()];
        fields.extend(groups.map(|groups| groups.at(row)));
        writer.write_record(&fields).map_err(failed)?;
    }
    writer.flush().map_err(RunError::io("write", &pending))?;
    drop(writer);
    std::fs::rename(&pending, &request.out).map_err(RunError::io("publish", &request.out))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Places never change: a customer who was in control stays there in the next version.
    #[test]
    fn places_are_those_of_the_first_version_and_even() {
        let first = ["k1", "k2", "Müller"].map(|id| place("spring", id));
        assert_eq!(first, PLACES);
        assert_ne!(place("autumn", "k1"), first[0]);
        // 40,000 places below 0.3: standard error √(0.3·0.7/40,000) = 0.0023, 4 of them.
        let below = (0..40_000).filter(|i| place("spring", &format!("c{i}")) < 0.3).count();
        assert!((below as f64 / 40_000.0 - 0.3).abs() < 4.0 * 0.0023);
    }

    /// What the first version dealt.
    const PLACES: [f64; 3] =
        [0.254_429_454_502_128_6, 0.966_444_683_993_712_2, 0.418_050_944_408_406_95];
}
