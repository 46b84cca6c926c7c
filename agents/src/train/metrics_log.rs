//! `metrics.jsonl`: one JSON object per event.

use super::event::TrainEvent;
use serde::Serialize;
use std::io::{self, Write};

/// Writes events as lines of JSON: the fields of the event and `wall_seconds`, which the caller
/// takes from its clock.
#[derive(Debug)]
pub struct MetricsLog<W: Write> {
    writer: W,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    event: &'a TrainEvent,
    wall_seconds: f64,
}

impl<W: Write> MetricsLog<W> {
    /// Lines go to `writer`; give it a buffer.
    pub fn new(writer: W) -> Self {
        Self { writer }
    }

    /// Writes one line.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&mut self, event: &TrainEvent, wall_seconds: f64) -> io::Result<()> {
        serde_json::to_writer(&mut self.writer, &Line { event, wall_seconds })?;
        self.writer.write_all(b"\n")
    }

    /// Hands the writer back, flushed.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.writer.flush()?;
        Ok(self.writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Score;

    #[test]
    fn every_event_is_a_line_of_json() -> Result<(), Box<dyn std::error::Error>> {
        let mut log = MetricsLog::new(Vec::new());
        let score = Score { mean: 2.0, low: 1.0, high: 3.0, episodes: 5 };
        log.write(&TrainEvent::Evaluation { step: 7, score, best: true }, 1.5)?;
        log.write(&TrainEvent::Checkpoint { step: 8 }, 2.0)?;
        let text = String::from_utf8(log.finish()?)?;
        let lines: Vec<serde_json::Value> =
            text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        let expected = serde_json::json!({
            "event": "evaluation", "step": 7, "mean": 2.0, "low": 1.0, "high": 3.0, "episodes": 5,
            "best": true, "wall_seconds": 1.5,
        });
        assert_eq!(lines[0], expected);
        assert_eq!(lines[1]["event"], "checkpoint");
        Ok(())
    }
}
