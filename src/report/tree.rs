//! The top of a Ward tree, coloured below the cut.

use plotters::style::RGBColor;

use super::canvas::{
    Anchor, Canvas, GRID, INK, MUTED, Plot, Scale, TEXT, distinct, draw, is_plottable,
};
use super::error::ReportError;
use super::format::{axis_number, number};
use super::persona_page::Dendrogram;
use super::supplement::SMALLEST;

const WIDTH: f64 = 860.0;
const FRAME: [f64; 4] = [70.0, WIDTH - 14.0, 24.0, 300.0];
/// Leaves drawn with their size below them; more would run into each other.
const MOST_LABELS: usize = 36;

/// Where a node hangs.
#[derive(Clone, Copy)]
struct Node {
    x: f64,
    height: f64,
    /// The persona below, while it is only one.
    persona: Option<usize>,
}

/// The nodes from the leaves upwards; nothing when the merges do not make a tree.
fn nodes(tree: &Dendrogram) -> Option<Vec<Node>> {
    let leaves = tree.leaves.iter().enumerate();
    let mut nodes: Vec<Node> = leaves
        .map(|(x, leaf)| Node { x: x as f64 + 0.5, height: 0.0, persona: Some(leaf.persona) })
        .collect();
    for merge in &tree.merges {
        let (left, right) = (*nodes.get(merge.left)?, *nodes.get(merge.right)?);
        if !is_plottable(merge.height) {
            return None;
        }
        let is_below = merge.height <= tree.cut_height;
        let same = left.persona.filter(|persona| right.persona == Some(*persona) && is_below);
        let x = (left.x + right.x) / 2.0;
        nodes.push(Node { x, height: merge.height, persona: same });
    }
    Some(nodes)
}

fn color(persona: Option<usize>) -> RGBColor {
    persona.map_or(MUTED, distinct)
}

/// Merges as brackets at their height; nothing without a merge.
pub(super) fn dendrogram(tree: &Dendrogram) -> Result<Option<Plot>, ReportError> {
    let heights = tree.merges.iter().map(|merge| merge.height);
    let (Some(nodes), Some(scale), false) =
        (nodes(tree), Scale::covering(heights.chain([0.0])), tree.merges.is_empty())
    else {
        return Ok(None);
    };
    let [left, right, top, bottom] = FRAME;
    let y = scale.onto(bottom, top);
    let step = (right - left) / tree.leaves.len() as f64;
    let place = |node: Node, height: f64| (left + node.x * step, y.at(height));
    let description = "Ward tree: heights at which groups of customers were merged";
    draw("personas-dendrogram", description, (WIDTH, bottom + 50.0), |canvas| {
        let (ticks, tick_step) = y.ticks(5);
        for tick in ticks {
            canvas.line((left, y.at(tick)), (right, y.at(tick)), GRID, 1.0);
            let label = axis_number(tick, tick_step);
            canvas.text(&label, (left - 8.0, y.at(tick)), Anchor::End, MUTED, TEXT);
        }
        for (index, merge) in tree.merges.iter().enumerate().rev() {
            let (from, to) = (nodes[merge.left], nodes[merge.right]);
            let own = nodes[tree.leaves.len() + index];
            for side in [from, to] {
                let shade = color(side.persona);
                canvas.line(place(side, side.height), place(side, merge.height), shade, 2.0);
            }
            canvas.line(
                place(from, merge.height),
                place(to, merge.height),
                color(own.persona),
                2.0,
            );
        }
        if is_plottable(tree.cut_height) && y.contains(tree.cut_height) {
            let cut = y.at(tree.cut_height);
            canvas.dashed((left, cut), (right, cut), INK, 1.25);
            canvas.text("cut", (right, cut - 8.0), Anchor::End, INK, TEXT);
        }
        leaf_sizes(canvas, tree, step);
        canvas.upward_text("Height of the merge", (12.0, (top + bottom) / 2.0));
    })
    .map(Some)
}

fn leaf_sizes(canvas: &mut Canvas<'_>, tree: &Dendrogram, step: f64) {
    let [left, right, _, bottom] = FRAME;
    let every = tree.leaves.len().div_ceil(MOST_LABELS).max(1);
    for (index, leaf) in tree.leaves.iter().enumerate() {
        let x = left + (index as f64 + 0.5) * step;
        canvas.dot((x, bottom), 3.0, distinct(leaf.persona), false);
        if index % every == 0 {
            let is_small = leaf.size < SMALLEST;
            let size = if is_small { "<10".into() } else { number(leaf.size as f64, 0) };
            canvas.text(&size, (x, bottom + 14.0), Anchor::Middle, MUTED, 9.5);
        }
    }
    let words = "Sampled customers in each group";
    canvas.text(words, ((left + right) / 2.0, bottom + 36.0), Anchor::Middle, MUTED, TEXT);
}
