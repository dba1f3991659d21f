//! When which guest runs. Calls of all extensions share as many threads as there are processors.
//!
//! | file | owns |
//! |---|---|
//! | `turns` | whose turn it is: a pure queue |
//! | `executor` | the threads, and the calls that they run |
//! | `file_threads` | the threads of extensions with granted folders |

pub(super) mod executor;
pub(super) mod file_threads;
mod turns;
