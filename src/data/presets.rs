//! Presets: configs that are shipped with the program and lie below the explicit values.

use super::schema;

const PRESETS: [(&str, &str); 5] = [
    ("canonical", include_str!("presets/canonical.toml")),
    ("complete-journey", include_str!("presets/complete-journey.toml")),
    ("dominicks", include_str!("presets/dominicks.toml")),
    ("hillstrom", include_str!("presets/hillstrom.toml")),
    ("open-bandit", include_str!("presets/open-bandit.toml")),
];

/// Names of all presets.
pub(super) fn preset_names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|(name, _)| *name)
}

/// The content of a preset.
pub(super) fn preset_table(name: &str) -> Result<toml::Table, String> {
    let known: Vec<&str> = PRESETS.iter().map(|(known, _)| *known).collect();
    let Some((_, text)) = PRESETS.iter().find(|(known, _)| *known == name) else {
        let hint = schema::did_you_mean(name, known.iter().copied());
        return Err(format!("expected `preset` to be one of {known:?}, found {name:?}{hint}"));
    };
    text.parse::<toml::Table>().map_err(|reason| format!("preset {name:?} is broken: {reason}"))
}

/// Lays `upper` over `lower`; tables are merged key by key, all else is replaced.
pub(super) fn overlay(lower: &mut toml::Table, upper: toml::Table) {
    for (key, value) in upper {
        match (lower.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => overlay(below, above),
            (_, value) => {
                lower.insert(key, value);
            }
        }
    }
}
