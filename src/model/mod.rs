//! The nouns of sesame, and the pure decisions made from them.
//!
//! Nothing here does I/O, reads a clock or the environment, starts a thread, awaits, or knows wasmtime
//! or the network. Everything can be tested with text alone.
//!
//! Reading order: [`name`], [`digest`], [`reference`](mod@reference) are the words; [`manifest`] is the desired state,
//! [`lock`] what that was resolved to, [`plan::inventory`] what this machine holds; [`plan`] is made from the three and
//! [`plan::schedule`] hands out its steps; [`report`] is what a run did, and [`report::event`] what it does.

pub mod annotations;
pub mod audit;
pub mod authenticated_code;
pub mod bounds;
pub mod capability;
pub mod digest;
pub mod engine_key;
pub mod fault;
pub mod file_kind;
pub mod function_cache;
pub mod host_settings;
pub mod lock;
pub mod manifest;
pub mod name;
pub mod plan;
pub mod policy;
pub mod reference;
pub mod registries;
pub mod report;
pub mod text;
pub mod toml;
pub mod version;

pub use bounds::MAX_PROJECT_FILE;
