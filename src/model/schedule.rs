//! Which steps of a plan can be done now. Knows nothing of threads or time; `ops::apply` drives it.

use super::plan::{Plan, StepId};

/// The order of a run: hands out ready steps, and learns how they ended.
#[derive(Debug)]
pub struct Schedule<'a> {
    plan: &'a Plan,
    waiting_for: Vec<usize>,
    ended: Vec<bool>,
    ready: Vec<StepId>,
    open: usize,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Failed,
}

impl<'a> Schedule<'a> {
    pub fn new(plan: &'a Plan) -> Self {
        let waiting_for: Vec<usize> = plan.steps().map(|(id, _)| plan.prerequisites(id)).collect();
        let ready = plan.steps().map(|(id, _)| id).filter(|id| waiting_for[id.index()] == 0).collect();
        Self { plan, ended: vec![false; waiting_for.len()], open: waiting_for.len(), waiting_for, ready }
    }

    /// The steps that became ready since the last call, biggest first.
    pub fn take_ready(&mut self) -> Vec<StepId> {
        let mut ready = std::mem::take(&mut self.ready);
        ready.sort_by_key(|id| (std::cmp::Reverse(self.plan.step(*id).action.weight()), id.index()));
        ready
    }

    /// Notes the end of a step that was handed out. After a failure, returns all that will never be ready.
    pub fn finish(&mut self, id: StepId, outcome: Outcome) -> Vec<StepId> {
        self.end(id);
        match outcome {
            Outcome::Done => {
                for dependent in self.plan.dependents(id) {
                    let waiting = &mut self.waiting_for[dependent.index()];
                    *waiting -= 1;
                    if *waiting == 0 && !self.ended[dependent.index()] {
                        self.ready.push(dependent);
                    }
                }
                Vec::new()
            }
            Outcome::Failed => self.skip_dependents(id),
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
