//! Dates as `2017-03-06` in JSON.

use chrono::NaiveDate;
use serde::{Deserialize, Deserializer, Serializer, de::Error};

pub(in crate::data) fn serialize<S: Serializer>(
    date: &NaiveDate,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(date)
}

pub(in crate::data) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<NaiveDate, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom(format!("expected a date YYYY-MM-DD, got {text:?}")))
}
