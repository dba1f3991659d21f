//! Provisions WebAssembly-component extensions for the Open Sesame desktop host: a declarative reconciler driven by a
//! lockfile. A person says in `sesame.toml` which extensions a machine should have; [`ops::sync`] makes it so, the same
//! way on every machine.
//!
//! # The pipeline
//!
//! ```text
//! sesame.toml ──resolve──▶ sesame.lock ──compare with the store──▶ plan ──apply──▶ cwasm cache ──▶ host
//!  desired                  pinned                                  a graph          ready to run
//! ```
//!
//! | step | made by | is |
//! |---|---|---|
//! | desired state | [`model::manifest`] | `sesame.toml` and `extensions/*.toml`, one type behind both |
//! | resolution | [`registry::mirror`] | a reference followed to its manifest and component |
//! | lock | [`ops::lock`] → [`model::lock`] | what each name was resolved to, in canonical bytes |
//! | inventory | [`store::scan`] → [`model::inventory`] | what this machine holds, each byte of it checked |
//! | plan | [`model::plan`] | a graph of `Fetch → Verify → Compile → Activate → Prune`, or `Compile → Rollback`, each step with its reason |
//! | apply | `ops::apply` | runs the plan and makes no choices |
//! | report | [`model::report`] | what was done; words for people and JSON are both made from it |
//!
//! Each is made only from those before it.
//!
//! # The rooms
//!
//! ```text
//! cli  ──▶  ops  ──▶  registry · store · engine · host  ──▶  model
//! ```
//!
//! Imports point right only, the four middle rooms do not know each other (but `host` and `store` may use the engine's
//! key and Config), and only types of [`model`] cross between them. Beside them all is `user_files`, which alone
//! opens the files that people name. `cli` belongs to the program, not to this library: the library prints nothing, never ends
//! the process, and its code reads no environment. The caller fills in a [`ops::context::Context`] and listens with an
//! [`model::event::Observer`].
//!
//! # On disk
//!
//! ```text
//! sesame.toml, extensions/*.toml, sesame.lock          the project; people commit all of it
//! $XDG_DATA_HOME/pds/blobs/sha256/<hex>                manifests and components: read-only, named by their digest
//! $XDG_DATA_HOME/pds/staging/<hex>.partial             downloads under way, which a later run goes on with
//! $XDG_DATA_HOME/pds/profiles/<name>/generations/<n>.toml, current
//!                                                      what is live, and what was
//! $XDG_DATA_HOME/pds/quarantine/                       what was wrong and was put aside
//! $XDG_DATA_HOME/pds/lock                              the advisory lock of whoever changes the store
//! $XDG_CACHE_HOME/pds/cwasm/<engine key>/<hex>         compiled code with its tag
//! $XDG_CACHE_HOME/pds/functions/<engine key>/<tag>.pack
//!                                                      compiled functions, for components that have them too
//! $XDG_CACHE_HOME/pds/stamps/<name>                    how everything looked when a command had nothing to do
//! $XDG_CACHE_HOME/pds/verified                         what was checked, so that unchanged files are not hashed again
//! $XDG_STATE_HOME/pds/key                              32 random bytes, which compiled code is authenticated with
//! $XDG_STATE_HOME/pds/logs/<name>.log, <name>.log.old  what extensions printed
//! $XDG_CONFIG_HOME/pds/policy.toml, /etc/pds/policy.toml
//!                                                      what any extension gets at most, and how registries are reached
//! $XDG_CONFIG_HOME/pds/config.toml                     the host's own; of it only `[extensions.policy]` is read
//! ~/.docker/config.json, …/containers/auth.json        credentials, where docker and podman keep them
//! ```
//!
//! # What always holds
//!
//! 1. What the store holds under a digest has that digest. Files get their final name only when whole, checked and
//!    synced: blobs before the generation, the generation before `current`. All writes are in one file, `store/write.rs`.
//! 2. Bytes from a registry are compiled only if they are a component with the locked digest ([`model::preamble`]).
//! 3. Compiled code is loaded only if this machine's key says that this machine made it ([`host::load`]). Anything
//!    else is compiled again.
//! 4. One function builds the wasmtime `Config` ([`engine::config`]), every wasm feature said explicitly.
//! 5. An extension gets the capabilities that its manifest grants and nothing else ([`host::grants`]), and however a guest
//!    behaves, a call of it comes back within its limits ([`host::extension`]).
//! 6. A locked sync asks no registry about a tag; mirrors serve digests ([`registry::mirror`]). Credentials go only to the
//!    host they belong to, and never into a message or a log ([`registry::secret`]).
//! 7. Paths are built from digests and checked names only ([`store::paths`]).
//! 8. A failed or interrupted sync leaves the old generation live, and what was verified in the store.
//! 9. What a generation of any profile, or the lock of a manifest that made one, names is never removed ([`ops::gc`]), and no
//!    generation that somebody runs ([`store::generations`]).
//! 10. A sync with nothing to do makes no request, starts no runtime and no compiler, and writes nothing to the store.
//!
//! # Reading order
//!
//! [`model`] from top to bottom; then [`ops::sync`], which tells the whole story in one page, and [`ops::lock`]; then
//! the room that you need. The stories in `tests/suite` show every promise with the real program.
//!
//! # Example
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use sesame::model::report::event::Silent;
//! use sesame::ops::context::{CompilerSettings, Context, Interrupt, User};
//! use sesame::ops::project::{Project, Search};
//! use sesame::ops::sync;
//! use sesame::ops::sync::options::{LockPolicy, Mode, Ownership, SyncOptions};
//! use sesame::registry::source::selection::{Network, Reach};
//! use sesame::store::paths::StorePaths;
//!
//! # fn main() -> Result<(), sesame::ops::error::Error> {
//! let search = Search { named: Some("/home/me/dotfiles".into()), start: "/".into(), ..Search::default() };
//! let context = Context {
//!     project: Project::find(&search)?,
//!     paths: StorePaths {
//!         data: "/home/me/.local/share/pds".into(),
//!         cache: "/home/me/.cache/pds".into(),
//!         state: "/home/me/.local/state/pds".into(),
//!     },
//!     network: Network::default(),
//!     reach: Reach::Online,
//!     jobs: 6,
//!     compiler: CompilerSettings::of_program("/usr/bin/sesame".into()),
//!     observer: Arc::new(Silent),
//!     interrupt: Interrupt::default(),
//!     holder: "my daemon".to_owned(),
//!     user: User {
//!         home: Some("/home/me".into()),
//!         configuration: "/home/me/.config/pds".into(),
//!         policies: vec!["/etc/pds/policy.toml".into()],
//!     },
//! };
//! let options =
//!     SyncOptions { mode: Mode::Write, policy: LockPolicy::Locked, ownership: Ownership::Respect, profile: None };
//! let report = sync::sync(&context, &options)?;
//! println!("{} extensions are live", report.extensions.len());
//! # Ok(())
//! # }
//! ```

pub mod compiler;
pub mod engine;
pub mod host;
pub mod model;
pub mod ops;
pub mod registry;
pub mod store;
mod user_files;
