//! Progress on the terminal: bars for people, plain lines for logs.

use super::flags::Shared;
use crate::run::{Observer, Outcome, Stage};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::Instant;

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Voice {
    Silent,
    Lines,
    Detailed,
    Bars,
}

/// Shows stages as they go.
pub(super) struct Terminal {
    voice: Voice,
    began: Instant,
    state: Mutex<State>,
}

struct State {
    bar: Option<ProgressBar>,
    stage_began: f64,
}

impl Terminal {
    #[allow(clippy::disallowed_methods, reason = "the clock is read here and passed down")]
    pub(super) fn new(shared: &Shared) -> Self {
        let voice = if shared.quiet || shared.json {
            Voice::Silent
        } else if shared.verbose {
            Voice::Detailed
        } else if std::io::stderr().is_terminal() {
            Voice::Bars
        } else {
            Voice::Lines
        };
        let state = Mutex::new(State { bar: None, stage_began: 0.0 });
        Self { voice, began: Instant::now(), state }
    }

    fn with_state(&self, f: impl FnOnce(&mut State)) {
        // A poisoned lock means that another thread panicked while drawing; the bar is still usable.
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        f(&mut state);
    }
}

impl Observer for Terminal {
    fn started(&self, stage: Stage) {
        let now = self.seconds();
        self.with_state(|state| {
            state.stage_began = now;
            if self.voice == Voice::Bars {
                let bar = ProgressBar::new(1);
                let template = "{prefix:>10} {bar:28} {elapsed:>4} {msg}";
                if let Ok(style) = ProgressStyle::with_template(template) {
                    bar.set_style(style.progress_chars("━╸─"));
                }
                bar.set_prefix(stage.name());
                bar.enable_steady_tick(std::time::Duration::from_millis(200));
                state.bar = Some(bar);
            } else if self.voice == Voice::Detailed {
                eprintln!("{:>10} …", stage.name());
            }
        });
    }

    fn progress(&self, stage: Stage, done: u64, total: u64, note: &str) {
        self.with_state(|state| {
            if let Some(bar) = &state.bar {
                bar.set_length(total);
                bar.set_position(done);
                bar.set_message(note.to_owned());
            } else if self.voice == Voice::Detailed {
                eprintln!("{:>10}   {done}/{total} {note}", stage.name());
            }
        });
    }

    fn finished(&self, stage: Stage, outcome: Outcome) {
        let now = self.seconds();
        self.with_state(|state| {
            if let Some(bar) = state.bar.take() {
                bar.finish_and_clear();
            }
            if self.voice != Voice::Silent {
                match outcome {
                    Outcome::Done => {
                        eprintln!("{:>10} done in {:.1} s", stage.name(), now - state.stage_began);
                    }
                    Outcome::UpToDate => eprintln!("{:>10} up to date", stage.name()),
                }
            }
        });
    }

    fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }
}
