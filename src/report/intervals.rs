//! Dots with intervals: headline, leaderboard, experiment by persona and known truth.

use plotters::style::RGBColor;

use super::canvas::{
    Anchor, CANDIDATE, CHOSEN, CONTROL, CURRENT, Canvas, GRID, INK, MUTED, ORACLE, Plot, Scale,
    TEXT, distinct, draw, fitted, is_plottable, is_repeated, label_room,
};
use super::error::ReportError;
use super::format::{SUPPRESSED, Sign, UNKNOWN, axis_money, money_value, number, shortened};
use super::input::{AbTest, Estimate, LeaderboardRow, PolicyRole, ReportInput, Truth};

const WIDTH: f64 = 860.0;
const ROW: f64 = 26.0;
const LABEL_LIMIT: f64 = 260.0;
/// Rows of the full leaderboard plot; the table below it has all of them.
const MOST_ROWS: usize = 30;
/// Contenders of the headline plot besides the chosen policy and the two reference arms.
const HEADLINE_CONTENDERS: usize = 4;

struct Row {
    label: String,
    estimate: Option<Estimate>,
    color: RGBColor,
    hollow: bool,
    strong: bool,
}

struct DotPlot<'a> {
    name: &'static str,
    description: &'a str,
    axis_title: &'a str,
    currency: &'a str,
    sign: Sign,
    show_zero: bool,
    rows: Vec<Row>,
}

impl DotPlot<'_> {
    fn scale(&self) -> Option<Scale> {
        let known = self.rows.iter().filter_map(|row| row.estimate.as_ref());
        let ends = known.flat_map(|e| [e.value, e.lower, e.upper]);
        Scale::covering(ends.chain(self.show_zero.then_some(0.0)))
    }

    fn draw(&self) -> Result<Option<Plot>, ReportError> {
        let any = |row: &Row| row.estimate.is_some_and(|estimate| is_plottable(estimate.value));
        let (Some(scale), true) = (self.scale(), self.rows.iter().any(any)) else {
            return Ok(None);
        };
        let left = label_room(self.rows.iter().map(|r| r.label.as_str()), LABEL_LIMIT) + 20.0;
        let bottom = self.rows.len() as f64 * ROW + 8.0;
        let scale = scale.onto(left + 8.0, WIDTH - 100.0);
        draw(self.name, self.description, (WIDTH, bottom + 46.0), |canvas| {
            self.axis(canvas, scale, left, bottom);
            for (index, row) in self.rows.iter().enumerate() {
                let y = 4.0 + (index as f64 + 0.5) * ROW;
                self.row(canvas, row, scale, (left, y));
            }
        })
        .map(Some)
    }

    fn axis(&self, canvas: &mut Canvas<'_>, scale: Scale, left: f64, bottom: f64) {
        let (ticks, step) = scale.ticks(6);
        for tick in ticks {
            let x = scale.at(tick);
            canvas.line((x, 2.0), (x, bottom), GRID, 1.0);
            let label = axis_money(tick, step, self.currency, self.sign);
            canvas.text(&label, (x, bottom + 12.0), Anchor::Middle, MUTED, TEXT);
        }
        if self.show_zero && scale.contains(0.0) {
            canvas.line((scale.at(0.0), 2.0), (scale.at(0.0), bottom), INK, 1.25);
        }
        let middle = (left + WIDTH - 100.0) / 2.0;
        canvas.text(self.axis_title, (middle, bottom + 34.0), Anchor::Middle, MUTED, TEXT);
    }

    fn row(&self, canvas: &mut Canvas<'_>, row: &Row, scale: Scale, (left, y): (f64, f64)) {
        let label = fitted(&row.label, TEXT, left - 16.0);
        canvas.text(&label, (left - 8.0, y), Anchor::End, INK, TEXT);
        let Some(estimate) = row.estimate else {
            canvas.text(SUPPRESSED, (WIDTH - 8.0, y), Anchor::End, MUTED, TEXT);
            return;
        };
        if !is_plottable(estimate.value) {
            canvas.text(UNKNOWN, (WIDTH - 8.0, y), Anchor::End, MUTED, TEXT);
            return;
        }
        if is_plottable(estimate.lower) && is_plottable(estimate.upper) {
            let ends = (scale.at(estimate.lower), scale.at(estimate.upper));
            let width = if row.strong { 3.0 } else { 2.0 };
            canvas.line((ends.0, y), (ends.1, y), row.color, width);
            for end in [ends.0, ends.1] {
                canvas.line((end, y - 4.0), (end, y + 4.0), row.color, width / 1.5);
            }
        }
        let radius = if row.strong { 6.0 } else { 4.5 };
        canvas.dot((scale.at(estimate.value), y), radius, row.color, row.hollow);
        let value = money_value(&estimate, self.currency, self.sign);
        let color = if row.strong { INK } else { MUTED };
        canvas.text(&value, (WIDTH - 8.0, y), Anchor::End, color, TEXT);
    }
}

fn role_color(role: PolicyRole) -> RGBColor {
    match role {
        PolicyRole::Candidate => CANDIDATE,
        PolicyRole::Chosen => CHOSEN,
        PolicyRole::Current => CURRENT,
        PolicyRole::Control => CONTROL,
        PolicyRole::Oracle => ORACLE,
    }
}

fn policy_row(row: &LeaderboardRow) -> Row {
    Row {
        label: shortened(&row.policy, 80),
        estimate: Some(row.margin),
        color: role_color(row.role),
        hollow: false,
        strong: row.role == PolicyRole::Chosen,
    }
}

fn policies(
    name: &'static str,
    description: &str,
    currency: &str,
    rows: Vec<Row>,
) -> Result<Option<Plot>, ReportError> {
    DotPlot {
        name,
        description,
        axis_title: "Margin per customer-week",
        currency,
        sign: Sign::Minus,
        show_zero: false,
        rows,
    }
    .draw()
}

/// The chosen policy, the two reference arms and the best contenders, in leaderboard order.
pub(super) fn headline(input: &ReportInput) -> Result<Option<Plot>, ReportError> {
    let mut contenders = 0;
    let mut is_shown = |row: &&LeaderboardRow| {
        if row.role == PolicyRole::Candidate {
            contenders += 1;
        }
        row.role != PolicyRole::Candidate || contenders <= HEADLINE_CONTENDERS
    };
    let shown = input.leaderboard.rows.iter().filter(|row| is_shown(row)).take(MOST_ROWS);
    let description = "Margin per customer-week of the chosen policy and what it replaces";
    policies("headline", description, &input.currency, shown.map(policy_row).collect())
}

/// Every policy, the first thirty at most.
pub(super) fn leaderboard(input: &ReportInput) -> Result<Option<Plot>, ReportError> {
    let rows = input.leaderboard.rows.iter().take(MOST_ROWS).map(policy_row).collect();
    let description = "Margin per customer-week of every policy, with intervals";
    policies("leaderboard", description, &input.currency, rows)
}

/// Effects of the experiment: all customers, then each persona.
pub(super) fn experiment(test: &AbTest, currency: &str) -> Result<Option<Plot>, ReportError> {
    let total = test.total.map(|estimate| Row {
        label: "All customers".into(),
        estimate: Some(estimate),
        color: INK,
        hollow: false,
        strong: true,
    });
    let personas = test.personas.iter().enumerate().map(|(index, row)| Row {
        label: match row.customers {
            Some(customers) => {
                format!("{} ({})", shortened(&row.persona, 32), number(customers as f64, 0))
            }
            None => shortened(&row.persona, 40),
        },
        estimate: row.effect,
        color: distinct(index),
        hollow: is_repeated(index),
        strong: false,
    });
    DotPlot {
        name: "experiment",
        description: "Effect of the policy on margin, for all customers and by persona",
        axis_title: "Effect on margin per customer-week (right of zero: the policy earns more)",
        currency,
        sign: Sign::Always,
        show_zero: true,
        rows: total.into_iter().chain(personas).collect(),
    }
    .draw()
}

/// Known margin of the four arms of a synthetic world.
pub(super) fn truth(truth: &Truth, currency: &str) -> Result<Option<Plot>, ReportError> {
    let arms = [
        ("No offer", truth.none, CONTROL),
        ("Today's promotions", truth.current, CURRENT),
        ("Chosen policy", truth.policy, CHOSEN),
        ("Oracle", truth.oracle, ORACLE),
    ];
    let ends = arms.iter().flat_map(|(_, arm, _)| [arm.value, arm.lower, arm.upper]);
    let any_known = arms.iter().any(|(_, arm, _)| is_plottable(arm.value));
    let (Some(scale), true) = (Scale::covering(ends.chain([0.0])), any_known) else {
        return Ok(None);
    };
    let left = 160.0;
    let scale = scale.onto(left, WIDTH - 100.0);
    let bottom = arms.len() as f64 * 36.0 + 4.0;
    let description = "Known margin per customer-week of each arm";
    draw("truth", description, (WIDTH, bottom + 46.0), |canvas| {
        let (ticks, step) = scale.ticks(6);
        for tick in ticks {
            let x = scale.at(tick);
            canvas.line((x, 2.0), (x, bottom), GRID, 1.0);
            let label = axis_money(tick, step, currency, Sign::Minus);
            canvas.text(&label, (x, bottom + 12.0), Anchor::Middle, MUTED, TEXT);
        }
        for (index, (name, arm, color)) in arms.iter().enumerate() {
            let y = 2.0 + (index as f64 + 0.5) * 36.0;
            canvas.text(name, (left - 10.0, y), Anchor::End, INK, TEXT);
            bar(canvas, arm, *color, scale, y);
            let value = money_value(arm, currency, Sign::Minus);
            canvas.text(&value, (WIDTH - 8.0, y), Anchor::End, INK, TEXT);
        }
        canvas.line((scale.at(0.0), 2.0), (scale.at(0.0), bottom), MUTED, 1.0);
        let title = "Margin per customer-week";
        let middle = (left + WIDTH - 100.0) / 2.0;
        canvas.text(title, (middle, bottom + 34.0), Anchor::Middle, MUTED, TEXT);
    })
    .map(Some)
}

fn bar(canvas: &mut Canvas<'_>, arm: &Estimate, color: RGBColor, scale: Scale, y: f64) {
    if !is_plottable(arm.value) {
        return;
    }
    let (from, to) = (scale.at(0.0f64.min(arm.value)), scale.at(0.0f64.max(arm.value)));
    canvas.rectangle((from, y - 11.0), (to, y + 11.0), color);
    if is_plottable(arm.lower) && is_plottable(arm.upper) {
        let ends = (scale.at(arm.lower), scale.at(arm.upper));
        canvas.line((ends.0, y), (ends.1, y), INK, 1.5);
        for end in [ends.0, ends.1] {
            canvas.line((end, y - 5.0), (end, y + 5.0), INK, 1.5);
        }
    }
}
