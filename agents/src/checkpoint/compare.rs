//! What differs between two settings, in words.

use serde_json::Value;

/// One line per value that differs, with its path.
pub(super) fn differences(then: &Value, now: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    walk("", Some(then), Some(now), &mut lines);
    lines
}

fn walk(path: &str, then: Option<&Value>, now: Option<&Value>, lines: &mut Vec<String>) {
    match (then, now) {
        (Some(Value::Object(then)), Some(Value::Object(now))) => {
            let added = now.keys().filter(|key| !then.contains_key(*key));
            for key in then.keys().chain(added) {
                let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                walk(&inner, then.get(key), now.get(key), lines);
            }
        }
        (Some(Value::Array(then)), Some(Value::Array(now))) if then.len() == now.len() => {
            for (index, (then, now)) in then.iter().zip(now).enumerate() {
                walk(&format!("{path}[{index}]"), Some(then), Some(now), lines);
            }
        }
        (then, now) if then != now => {
            let show = |value: Option<&Value>| value.map_or("absent".to_owned(), Value::to_string);
            let name = if path.is_empty() { "value" } else { path };
            lines.push(format!("`{name}` was {} and is {} now", show(then), show(now)));
        }
        _ => {}
    }
}
