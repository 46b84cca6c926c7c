//! From a network's outputs to one score per action, and back.

/// `Q = V + A − mean(A)` for rows `(V, A)` of `1 + n_actions` outputs (Wang et al. 2016, eq. 9).
pub(crate) fn combine(outputs: &[f32], n_actions: usize, scores: &mut Vec<f32>) {
    scores.clear();
    for row in outputs.chunks_exact(1 + n_actions) {
        let (value, advantages) = (row[0], &row[1..]);
        let shift = value - advantages.iter().sum::<f32>() / n_actions as f32;
        scores.extend(advantages.iter().map(|advantage| advantage + shift));
    }
}

/// The gradient of the outputs, given that of the scores: `Σ g` for `V`, `g − mean(g)` for `A`.
pub(crate) fn divide(score_gradient: &[f32], n_actions: usize, gradient: &mut Vec<f32>) {
    gradient.clear();
    for row in score_gradient.chunks_exact(n_actions) {
        let sum = row.iter().sum::<f32>();
        gradient.push(sum);
        gradient.extend(row.iter().map(|g| g - sum / n_actions as f32));
    }
}
