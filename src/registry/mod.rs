//! The network, and folders that stand for it: remote registries and OCI layouts behind one trait; reading and publishing.
//!
//! The only room that uses `oci_client` and `reqwest`. Nothing here writes to the disk or decides what is wanted.
//! No answer is believed before its digest was checked, none is read past its limit, and none gets a credential that is
//! not its own.
//!
//! [`mirror`] picks among the [`source`]s, [`artifact`] says what a manifest leads to, [`package`] makes one, and [`bundle`] one of a
//! whole set. A request
//! goes through three files: `remote` says what to ask and tries again (`retry`), `host` sends it, with what `auth` gets
//! from `credentials`, and `transport` has the connections.

pub mod artifact;
pub mod auth;
pub mod error;
pub mod http;
pub mod layout;
pub mod publish;
pub mod source;

pub use error::Error;
