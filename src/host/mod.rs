//! Running extensions: what a component may import, and instances that keep to their limits.
//!
//! The only folder with `unsafe`: in [`load`], to map code and to hand it to wasmtime. Nothing here reads the store or the network:
//! [`ops::run::active`](crate::ops::run::active) opens the active set and hands it over.
//!
//! | file | owns |
//! |---|---|
//! | [`extension`] | [`Extension`](extension::Extension), which is loaded once, and its instances, which are called |
//! | [`linker`] | the interfaces of `wit/` and what each does with its grant; the check of imported types |
//! | [`backends`] | the traits behind the interfaces, for programs that embed the host |
//! | [`grants`] | which import needs which capability |
//! | [`limits`] | what an instance may hold, what all may hold together, the fixed caps, and the ticks that interrupt guests |
//! | [`options`], [`observer`] | what all extensions of a host share; the trait that hears of calls |
//! | [`termination`] | why a guest was stopped, for people |
//! | [`functions`], [`values`] | exported functions by name, their values as text |
//!
//! # Example
//!
//! A daemon opens the live set, loads an extension and calls it as often as it likes. Every method that runs a guest is
//! async and needs a tokio runtime with its timer. A guest is never trusted: a call comes back within its time limit, and
//! a guest that traps or meets a limit is a [`CallError`](extension::CallError), never a panic. What a guest has begun in a
//! granted folder goes on without it: a read of a FIFO that nobody writes to holds one of the runtime's blocking threads, so
//! a daemon that grants such folders should bound them and end its runtime with `shutdown_background`.
//!
//! ```no_run
//! # use std::collections::BTreeMap;
//! use sesame::host::options::HostOptions;
//! use sesame::host::values::Val;
//! use sesame::ops::context::UserPaths;
//! use sesame::ops::run::active::{ActiveSet, HostEnvironment};
//! use sesame::store::paths::StorePaths;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let paths = StorePaths {
//!     data: "/home/me/.local/share/pds".into(),
//!     cache: "/home/me/.cache/pds".into(),
//!     state: "/home/me/.local/state/pds".into(),
//! };
//! let active = ActiveSet::open(
//!     HostEnvironment { paths, user: UserPaths::default(), environment: BTreeMap::new(), host: HostOptions::default() },
//!     &"demo".parse()?,
//! )?;
//! let greeting = active.load(&"greeting-extension".parse()?)?;
//!
//! // What the guest keeps in its memory stays from one call of an instance to the next.
//! let mut instance = greeting.instantiate().await?;
//! for name in ["Ada", "Grace"] {
//!     let result = instance.call("greet", &[Val::String(name.to_owned())]).await?;
//!     assert_eq!(result, Some(Val::String(format!("Hello, {name}!"))));
//! }
//!
//! // An instance of its own for one call: nothing stays.
//! let result = greeting.call("greet", &[Val::String("World".to_owned())]).await?;
//! assert_eq!(result, Some(Val::String("Hello, World!".to_owned())));
//! # Ok(())
//! # }
//! ```

pub mod backends;
pub mod extension;
pub mod functions;
pub mod grants;
pub mod limits;
pub mod linker;
pub mod load;
pub mod observer;
pub mod options;
mod output;
pub mod state;
pub mod termination;
pub mod values;
