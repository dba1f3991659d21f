//! The nouns of sesame, and the pure decisions made from them.
//!
//! Nothing here does I/O, reads a clock or the environment, starts a thread, awaits, or knows wasmtime
//! or the network. Everything can be tested with text alone.
//!
//! Reading order: [`name`], [`digest`], [`reference`](mod@reference) are the words; [`manifest`] is what a person wants,
//! [`lock`] what that was resolved to, [`inventory`] what this machine holds; [`plan`] is made from the
//! three and [`schedule`] hands out its steps; [`event`] and [`report`] are what a run says.

pub mod authenticated_code;
pub mod bounds;
pub mod capability;
pub mod component_kind;
pub mod digest;
pub mod engine_key;
pub mod fault;
pub mod function_cache;
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

pub use bounds::MAX_FILE;
