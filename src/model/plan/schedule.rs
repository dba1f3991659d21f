//! Which steps of a plan are to be done now. Knows nothing of threads or time; `ops::sync::apply` drives it.
//!
//! Compiling uses all cores by itself and much memory, so large components are compiled one after the other, the largest
//! first, and small ones, of which a part is always done on one core, side by side. One more is always handed out: it
//! waits at the compiler for its turn, so that the compiler never waits for it.

use std::collections::BTreeMap;

use super::step::StepKind;
use super::{Plan, StepId};

/// How many bytes of components are compiled side by side. What has more is compiled alone.
pub const SIDE_BY_SIDE: u64 = 4 << 20;

/// The order of a run: hands out ready steps, and learns how they ended.
#[derive(Debug)]
pub struct Schedule<'a> {
    plan: &'a Plan,
    waiting_for: Vec<usize>,
    ended: Vec<bool>,
    ready: Vec<StepId>,
    open: usize,
    /// How many components may be handed out at a time.
    most: usize,
    /// The components that were handed out, and their bytes.
    compiling: BTreeMap<StepId, u64>,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepResult {
    Done,
    Failed,
}

impl<'a> Schedule<'a> {
    /// A schedule for a machine of so many cores.
    pub fn new(plan: &'a Plan, cores: usize) -> Self {
        let waiting_for: Vec<usize> = plan.steps().map(|(id, _)| plan.prerequisites(id)).collect();
        let ready = plan.steps().map(|(id, _)| id).filter(|id| waiting_for[id.index()] == 0).collect();
        let (ended, open) = (vec![false; waiting_for.len()], waiting_for.len());
        Self { plan, ended, open, waiting_for, ready, most: cores * 2, compiling: BTreeMap::new() }
    }

    /// The steps to begin now, biggest first.
    pub fn take_ready(&mut self) -> Vec<StepId> {
        let mut ready = std::mem::take(&mut self.ready);
        ready.sort_by_key(|id| (std::cmp::Reverse(self.plan.step(*id).kind.weight()), id.index()));
        let mut begun = Vec::new();
        for id in ready {
            let action = &self.plan.step(id).kind;
            if matches!(action, StepKind::Compile { .. }) {
                // None overtakes a larger one that waits, or that would wait for ever.
                if !self.ready.is_empty() || !self.may_compile(action.weight()) {
                    self.ready.push(id);
                    continue;
                }
                self.compiling.insert(id, action.weight());
            }
            begun.push(id);
        }
        begun
    }

    fn may_compile(&self, size: u64) -> bool {
        let beside: u64 = self.compiling.values().sum();
        self.compiling.len() < 2 || (self.compiling.len() < self.most && beside + size <= SIDE_BY_SIDE)
    }

    /// Notes the end of a step that was handed out. After a failure, returns all that will never be ready.
    pub fn finish(&mut self, id: StepId, outcome: StepResult) -> Vec<StepId> {
        self.compiling.remove(&id);
        self.end(id);
        match outcome {
            StepResult::Done => {
                for dependent in self.plan.dependents(id) {
                    let waiting = &mut self.waiting_for[dependent.index()];
                    *waiting -= 1;
                    if *waiting == 0 && !self.ended[dependent.index()] {
                        self.ready.push(dependent);
                    }
                }
                Vec::new()
            }
            StepResult::Failed => self.skip_dependents(id),
        }
    }

    /// Whether every step has ended or was skipped.
    pub fn is_done(&self) -> bool {
        self.open == 0
    }

    fn skip_dependents(&mut self, id: StepId) -> Vec<StepId> {
        let mut skipped = Vec::new();
        let mut pending: Vec<StepId> = self.plan.dependents(id).collect();
        while let Some(next) = pending.pop() {
            if !self.ended[next.index()] {
                self.end(next);
                skipped.push(next);
                pending.extend(self.plan.dependents(next));
            }
        }
        skipped.sort();
        skipped
    }

    fn end(&mut self, id: StepId) {
        if !std::mem::replace(&mut self.ended[id.index()], true) {
            self.open -= 1;
        }
    }
}
