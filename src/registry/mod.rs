//! The network, and folders that stand for it: remote registries and OCI layouts behind one trait; reading and publishing.
//!
//! The only folder that uses `oci_client` and `reqwest`. Nothing here writes to the disk or decides what is wanted.
//! No answer is believed before its digest was checked, none is read past its limit, and none gets a credential that is
//! not its own.
//!
//! [`source`] picks among registries, mirrors and layouts, and reads from them; [`artifact`] says what a manifest leads to;
//! [`publish`] makes one and sends it, and [`layout`] reads and writes layouts and bundles. A request goes through three
//! files of [`http`]: `retry` decides whether it is sent again, `client` adds what [`auth`] gets and follows redirects, `endpoint` sends it.

pub mod artifact;
pub mod auth;
pub mod error;
pub mod http;
pub mod layout;
pub mod publish;
pub mod source;

pub use error::Error;
