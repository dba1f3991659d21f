//! Functions that were compiled before: what the compiler asks, and how often that helped.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Compiled functions by what they were compiled from. `engine` asks, `store` has them. Called from several threads.
pub trait CompiledFunctions: fmt::Debug + Send + Sync {
    /// The compiled function, if it was put before and is whole.
    fn get(&self, key: &[u8]) -> Option<Vec<u8>>;

    /// Keeps a compiled function, or forgets it.
    fn put(&self, key: &[u8], function: &[u8]);
}

/// How many functions of a component were compiled, and how many need not be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FunctionCounts {
    /// Taken from the function cache, which has what was compiled a moment ago too.
    pub found: u64,
    /// Compiled.
    pub compiled: u64,
}

impl FunctionCounts {
    /// The part of all that was found, from 0 to 100; 0 if there were none.
    pub fn percent(&self) -> u64 {
        (100 * self.found).checked_div(self.found + self.compiled).unwrap_or(0)
    }
}

impl std::ops::AddAssign for FunctionCounts {
    fn add_assign(&mut self, other: Self) {
        self.found += other.found;
        self.compiled += other.compiled;
    }
}
