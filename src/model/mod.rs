//! The nouns of sesame, and the pure decisions made from them.
//!
//! Nothing here does I/O, reads a clock or the environment, starts a thread, awaits, or knows wasmtime
//! or the network. Everything can be tested with text alone.
//!
//! Reading order: [`name`], [`digest`], [`reference`](mod@reference) are the words; [`manifest`] is what a person wants,
//! [`lock`] what that was resolved to, [`inventory`] what this machine holds; [`plan`] is made from the
//! three and [`schedule`] hands out its steps; [`event`] and [`report`] are what a run says.

pub mod bundle_report;
pub mod cache_report;
pub mod capability;
pub mod code;
pub mod destination;
pub mod digest;
pub mod doctor_report;
mod document;
pub mod engine_key;
pub mod event;
pub mod fault;
pub mod functions;
pub mod generation;
pub mod generation_report;
mod grants_reader;
pub mod graph_report;
pub mod inventory;
pub mod lock;
pub mod lock_merge;
mod lock_reader;
pub mod manifest;
pub mod manifest_edit;
mod manifest_reader;
pub mod name;
pub mod outdated_report;
pub mod plan;
mod plan_words;
pub mod policy;
pub mod preamble;
pub mod problem;
pub mod reference;
pub mod registries;
mod registries_reader;
pub mod registry_report;
pub mod report;
pub mod schedule;
pub mod schema;
pub mod status_report;
pub mod text;
pub mod verify_report;
pub mod version;

pub use document::MAX_FILE;
