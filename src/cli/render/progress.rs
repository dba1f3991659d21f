//! A run as it goes on: on a terminal one line for each running step and a total, elsewhere plain lines.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;

use crate::cli::terminal::output::{Output, Verbosity};
use sesame::model::name::ExtensionName;
use sesame::model::plan::step::{BlobRole, Step, StepKind};
use sesame::model::plan::{Plan, StepId};
use sesame::model::report::event::{Event, Observer};
use sesame::model::text::{count, duration, escape, list, size};

use super::style::Style;
use super::warning::warning as warning_words;

/// Turns events into lines and bars.
pub struct Progress {
    output: Output,
    bars: Option<MultiProgress>,
    state: Mutex<ProgressState>,
}

#[derive(Default)]
struct ProgressState {
    total: Option<ProgressBar>,
    running: HashMap<StepId, ProgressBar>,
    /// When was told last of a host that it is tried again, by the number of the try.
    retried: HashMap<(String, usize), Instant>,
}

impl Progress {
    pub fn new(output: &Output) -> Self {
        let bars = output.can_redraw().then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));
        Self { output: output.clone(), bars, state: Mutex::default() }
    }

    fn line(&self, verbosity: Verbosity, text: &str) {
        if !self.output.shows_progress() {
            return;
        }
        let say = || self.output.say(verbosity, &format!("{text}\n"));
        match &self.bars {
            Some(bars) => bars.suspend(say),
            None => say(),
        }
    }

    /// Draws a total of so many of something.
    fn begin(&self, number: usize, what: &str) {
        if let Some(bars) = &self.bars {
            let total = ProgressBar::new(number as u64)
                .with_style(style(&format!("  {{bar:24}} {{pos}}/{{len}} {what}  {{elapsed}}")));
            let total = bars.add(total);
            total.enable_steady_tick(Duration::from_millis(200));
            self.state.lock().total = Some(total);
        }
    }

    fn started(&self, bars: &MultiProgress, plan: &Plan, id: StepId) {
        let step = plan.step(id);
        let Some((verb, bytes)) = bar_for(step) else { return };
        let bar = match bytes {
            Some(bytes) => {
                ProgressBar::new(bytes).with_style(style("  {prefix:<10} {msg}  {binary_bytes}/{binary_total_bytes}"))
            }
            None => ProgressBar::new_spinner().with_style(style("  {prefix:<10} {msg}  {elapsed}")),
        };
        let bar = bars.add(bar.with_prefix(verb).with_message(names(&step.extensions)));
        bar.enable_steady_tick(Duration::from_millis(100));
        self.state.lock().running.insert(id, bar);
    }

    fn ended(&self, id: StepId) {
        let mut state = self.state.lock();
        if let Some(bar) = state.running.remove(&id) {
            bar.finish_and_clear();
        }
        if let Some(total) = &state.total {
            total.inc(1);
        }
    }

    fn with_bar(&self, id: StepId, change: impl FnOnce(&ProgressBar)) {
        if let Some(bar) = self.state.lock().running.get(&id) {
            change(bar);
        }
    }
}

/// Draws that something goes on, on a terminal, until the value is dropped.
pub struct Spinner(Option<ProgressBar>);

impl Spinner {
    pub fn new(output: &Output, verb: &'static str, name: &str) -> Self {
        let bar = || {
            let target = ProgressDrawTarget::stderr();
            let bar = ProgressBar::with_draw_target(None, target).with_style(style("  {prefix:<10} {msg}  {elapsed}"));
            let bar = bar.with_prefix(verb).with_message(escape(name).into_owned());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        };
        Self(output.can_redraw().then(bar))
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

impl Observer for Progress {
    #[expect(clippy::too_many_lines, reason = "a flat table")]
    fn notice(&self, event: &Event<'_>) {
        match event {
            Event::Waiting { holder } => {
                self.line(
                    Verbosity::Normal,
                    &format!("{} for {}, which works on the same store", Style::strong("waiting"), escape(holder)),
                );
            }
            Event::Resolving { extensions } => {
                self.line(
                    Verbosity::Normal,
                    &format!("{} {}", Style::strong("resolving"), count(*extensions, "extension")),
                );
            }
            Event::Resolved { name, reference, provenance } => {
                self.line(Verbosity::Verbose, &format!("  resolved   {name}  {} to {provenance}", escape(reference)));
            }
            Event::PassedOver { name, tags } => {
                self.line(Verbosity::Verbose, &format!("  passed over {name}  no versions: {}", escape(&list(*tags))));
            }
            Event::Warning(warning) => {
                self.output.record_warning(warning);
                let text = warning_words(warning);
                self.line(Verbosity::Normal, &format!("{}{}", Style::warning("warning: "), escape(&text)));
            }
            Event::Requested { request, outcome } => {
                self.line(Verbosity::Debug, &format!("  asked      {}  {}", escape(request), escape(outcome)));
            }
            Event::Retrying { host, why, wait, number, of } => {
                let (pause, wait) = (wait, duration(*wait));
                let text = format!("  {} {wait}, {number} of {of}: {}", Style::warning("waiting   "), escape(why));
                // Many requests wait for one host at a time; one line for all of them is enough.
                let mut state = self.state.lock();
                let told = state.retried.insert(((*host).to_owned(), *number), Instant::now());
                drop(state);
                let first = told.is_none_or(|told| told.elapsed() > *pause);
                self.line(if first { Verbosity::Normal } else { Verbosity::Verbose }, &text);
            }
            Event::Started { plan } => self.begin(plan.len(), "steps"),
            Event::Checking { files } => self.begin(*files, "files"),
            Event::Checked => {
                if let Some(total) = &self.state.lock().total {
                    total.inc(1);
                }
            }
            Event::StepStarted { plan, step } => {
                if let Some(bars) = &self.bars {
                    self.started(bars, plan, *step);
                }
            }
            Event::Received { step, bytes } => self.with_bar(*step, |bar| bar.inc(*bytes)),
            Event::Restarted { step } => self.with_bar(*step, |bar| bar.set_position(0)),
            Event::StepDone { plan, step, elapsed } => {
                self.ended(*step);
                let (verbosity, text) = done(plan.step(*step), *elapsed);
                self.line(verbosity, &text);
            }
            Event::StepFailed { plan, step, .. } => {
                self.ended(*step);
                let step = plan.step(*step);
                let text = format!("  {} {}  {}", Style::error("failed    "), names(&step.extensions), attempt(step));
                self.line(Verbosity::Normal, &text);
            }
            Event::Ended => {
                let mut state = self.state.lock();
                state.running.drain().for_each(|(_, bar)| bar.finish_and_clear());
                if let Some(total) = state.total.take() {
                    total.finish_and_clear();
                }
            }
        }
    }
}

/// What is drawn of a running step, and how many bytes it moves. The quick ones are not drawn.
fn bar_for(step: &Step) -> Option<(&'static str, Option<u64>)> {
    match &step.kind {
        StepKind::Fetch { blob, .. } => match blob.role {
            BlobRole::Component { size } => Some(("fetching", Some(size))),
            BlobRole::Index | BlobRole::Manifest => None,
        },
        StepKind::Compile { .. } => Some(("compiling", None)),
        StepKind::Verify { .. }
        | StepKind::Activate { .. }
        | StepKind::Narrow { .. }
        | StepKind::Rollback { .. }
        | StepKind::Prune { .. } => None,
    }
}

fn done(step: &Step, elapsed: Duration) -> (Verbosity, String) {
    let names = names(&step.extensions);
    match &step.kind {
        StepKind::Fetch { blob, .. } => match blob.role {
            BlobRole::Component { size: bytes } => {
                (Verbosity::Normal, format!("  fetched    {names}  {}", size(bytes)))
            }
            role => (Verbosity::Verbose, format!("  fetched    {names}  {role} {}", blob.digest.short())),
        },
        StepKind::Verify { blob } => {
            (Verbosity::Verbose, format!("  verified   {names}  {} {}", blob.role, blob.digest))
        }
        StepKind::Compile { .. } => (Verbosity::Normal, format!("  compiled   {names}  {}", duration(elapsed))),
        StepKind::Activate { profile, generation }
        | StepKind::Narrow { profile, generation }
        | StepKind::Rollback { profile, generation, .. } => {
            (Verbosity::Verbose, format!("  activated  generation {generation} of profile `{profile}`"))
        }
        StepKind::Prune { generations, .. } => {
            (Verbosity::Verbose, format!("  pruned     {}", count(generations.len(), "generation")))
        }
    }
}

/// What a step tried: `fetch manifest`, `compile`.
fn attempt(step: &Step) -> String {
    match &step.kind {
        StepKind::Fetch { blob, .. } | StepKind::Verify { blob } => format!("{} {}", step.kind.verb(), blob.role),
        StepKind::Compile { .. }
        | StepKind::Activate { .. }
        | StepKind::Narrow { .. }
        | StepKind::Rollback { .. }
        | StepKind::Prune { .. } => step.kind.verb().to_owned(),
    }
}

fn names(names: &[ExtensionName]) -> String {
    names.iter().map(ExtensionName::as_str).collect::<Vec<_>>().join(", ")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
