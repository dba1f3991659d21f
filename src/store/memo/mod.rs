//! What is remembered so that a run with nothing to do is cheap. A cache: losing it costs only time, and nothing in it is
//! believed for a file that changed since.

pub(crate) mod fingerprint;
pub mod noop_record;
pub(crate) mod verified_files;
