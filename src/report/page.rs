//! The HTML page: the template, its number filters and the words around the numbers.

use minijinja::{Environment, Value, context};

use super::canvas::{Plot, distinct};
use super::error::ReportError;
use super::format::{
    SUPPRESSED, Sign, UNKNOWN, money, money_range, money_value, number, number_range, percent,
};
use super::input::{Estimate, ReportInput};
use super::outcome::standard_glossary;

const TEMPLATE: &str = include_str!("templates/report.html");
/// The style sheet of every page.
pub(super) const STYLE: &str = include_str!("templates/report.css");
const NAME: &str = "report.html";

/// The page with every plot inlined.
pub(super) fn page(input: &ReportInput, plots: &[Plot]) -> Result<String, ReportError> {
    let mut environment = Environment::new();
    add_filters(&mut environment, &input.currency);
    environment.add_template(NAME, TEMPLATE)?;
    let plots: Value = plots.iter().map(|plot| (plot.name, plot.svg.as_str())).collect();
    let small = input.ab_test.personas.iter().filter(|row| row.effect.is_none());
    let suppressed_personas: Vec<&str> = small.map(|row| row.persona.as_str()).collect();
    let glossary = match input.glossary.as_slice() {
        [] => standard_glossary(),
        terms => terms.to_vec(),
    };
    let colours: Vec<String> = (0..8).map(distinct).map(hexadecimal).collect();
    let roles = context! {
        chosen => "chosen",
        current => "current",
        control => "control",
        oracle => "knows the truth, synthetic world only",
    };
    let mut page = environment.get_template(NAME)?.render(context! {
        input => Value::from_serialize(input),
        css => STYLE,
        plots,
        suppressed => SUPPRESSED,
        suppressed_personas,
        glossary,
        colours,
        roles,
        interval_words => interval_words(input.interval_level),
    })?;
    page.retain(|character| !character.is_control() || character == '\n');
    Ok(page)
}

/// A colour as the style sheet writes it.
pub(super) fn hexadecimal(color: plotters::style::RGBColor) -> String {
    format!("#{:02X}{:02X}{:02X}", color.0, color.1, color.2)
}

/// What the intervals are, in words.
pub(super) fn interval_words(level: f64) -> String {
    if level > 0.0 && level < 1.0 {
        format!("{} intervals", percent(level))
    } else {
        "intervals".into()
    }
}

/// A number out of the template; anything else is unknown.
pub(super) fn float(value: &Value) -> f64 {
    f64::try_from(value.clone()).unwrap_or(f64::NAN)
}

/// An estimate out of the template, or a number as one; parts that are missing are unknown.
pub(super) fn estimate(value: &Value) -> Estimate {
    if value.is_number() {
        return Estimate::without_interval(float(value));
    }
    let part = |name| value.get_attr(name).map_or(f64::NAN, |part| float(&part));
    Estimate::new(part("value"), part("lower"), part("upper"))
}

/// The number filters every template may use.
pub(super) fn add_filters(environment: &mut Environment<'_>, currency: &str) {
    let symbol = currency.to_owned();
    environment.add_filter("money", move |value: &Value| money(float(value), &symbol, Sign::Minus));
    for (name, sign) in [("money_value", Sign::Minus), ("gain_value", Sign::Always)] {
        let symbol = currency.to_owned();
        environment
            .add_filter(name, move |value: &Value| money_value(&estimate(value), &symbol, sign));
    }
    for (name, sign) in [("money_range", Sign::Minus), ("gain_range", Sign::Always)] {
        let symbol = currency.to_owned();
        environment.add_filter(name, move |value: &Value| {
            money_range(&estimate(value), &symbol, sign).unwrap_or_default()
        });
    }
    environment.add_filter("percent", |value: &Value| percent(float(value)));
    environment.add_filter("number", |value: &Value| number(float(value), 0));
    environment.add_filter("tenths", |value: &Value| number(float(value), 1));
    environment.add_filter("decimal", |value: &Value| number(float(value), 2));
    environment.add_filter("ratio_range", |value: &Value| {
        number_range(&estimate(value), 2).unwrap_or_default()
    });
    environment.add_filter("decimal_range", |value: &Value| {
        number_range(&estimate(value), 2).unwrap_or_else(|| UNKNOWN.into())
    });
}
