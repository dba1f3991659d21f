//! Provisions WebAssembly-component extensions for the Open Sesame desktop host: a declarative reconciler driven by a
//! lockfile. `sesame.toml` declares which extensions a machine should have; [`ops::sync`] makes it so, the same way on every
//! machine.
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
//! | resolution | [`registry::source::selection`] | a reference followed to its manifest and component |
//! | lock | [`ops::sync::lock`] → [`model::lock`] | what each name was resolved to, in canonical bytes |
//! | inventory | [`store::integrity::scan`] → [`model::plan::inventory`] | what this machine holds, each byte of it checked |
//! | plan | [`model::plan`] | a graph of `Fetch → Verify → Compile → Activate → Prune`, `Compile → Rollback` or `Narrow → Prune`, each step with its reason |
//! | apply | [`ops::sync::apply`] | runs the plan and makes no choices |
//! | report | [`model::report`] | what was done; words for people and JSON are both made from it |
//!
//! # Layers
//!
//! ```text
//! cli  ──▶  daemon  ──▶  ops  ──▶  compiler  ──▶  host · store  ──▶  engine  ──▶  model
//!                         └─────▶  registry  ─────────────────────────────────────▶┘
//! ```
//!
//! Imports point right only, and no two files import each other, by whatever detour: `tests/suite/code/imports.rs` has the
//! table and checks both. Only types of [`model`] cross between `registry`, `store` and `host`. Beside them all is
//! `named_files`, which alone opens the files that people name, `seccomp` and [`clock`]. `cli` belongs to the program, not to this library: the library
//! prints nothing, never ends the process, and its code reads no environment. The caller fills in a
//! [`ops::context::Context`] and listens with an [`model::report::event::Observer`].
//!
//! # Map
//!
//! ```text
//! model/                     pure data and decisions; no I/O, no clock
//!   name.rs                  names of extensions and profiles
//!   digest.rs                `sha256:…`
//!   version.rs               versions in tags, and requirements of them
//!   capability/              the capabilities, and what a manifest grants of them
//!     grant.rs               grants and revocations as people write them
//!   file_kind.rs             component, core module, archive, …: by the first bytes
//!   policy.rs                `policy.toml`: the most that this machine allows
//!   bounds.rs                how large what is read may be
//!   annotations.rs           what an artifact says of itself
//!   engine_key.rs            what compiled code depends on
//!   audit/                   records of what extensions did, and their chain
//!   authenticated_code.rs    compiled code with its MAC
//!   function_cache.rs        what the compiler asks a function cache
//!   fault/                   kinds of faults, and a fault as data
//!     hint.rs                what to do next
//!     file_problem.rs        why a file of sesame's own cannot be used
//!   text.rs                  escaping, counting, sizes, guesses
//!   reference/               `registry/principal/scope:revision[@provenance]`
//!     error.rs               why a text is none
//!     host.rs                hosts of registries
//!     reference_or_repository.rs  what the command line takes
//!     source_name.rs         what a source is called
//!     destination.rs         where `push` publishes
//!   host_settings/           `host.toml`: how the host runs extensions
//!     reader.rs              reads it
//!   registries/              mirrors, transports, certificates
//!     reader.rs              reads `[registries]`
//!   manifest/                the desired state
//!     reader.rs              reads `sesame.toml` and drop-ins
//!     grants_reader.rs       reads `capabilities`
//!     file_path.rs           paths in a manifest, as text
//!     manifest_path.rs       the path of a manifest
//!     places.rs              where grants stand
//!     edit/                  changes to a manifest's text
//!       entry.rs             entries of `sesame.toml`
//!       drop_in.rs           drop-in manifests
//!       revoke.rs            removing grants from both
//!       profile.rs           the profile
//!   lock/                    `sesame.lock`: entries, writing, staleness, differences
//!     reader.rs              reads it
//!     merge.rs               merges what git could not
//!   plan/                    what a sync will do, as a graph
//!     inventory.rs           what this machine holds
//!     generation.rs          one activated set, as its file has it
//!     generation_problem.rs  why one cannot be used
//!     step.rs                what a step does, and why
//!     narrowing.rs           what stays of an active set when its manifest declares less
//!     set_change.rs          what changes from one set to another
//!     schedule.rs            which steps are next
//!     display.rs             a line for each step
//!   report/                  what commands did, as data
//!     sync.rs                `lock`, `sync`, `diff` and their steps
//!     extension.rs           `install`, `remove`, `list`, `info`, `log`, `call`
//!     registry.rs            `push`, `login`, `logout`, `registry check`
//!     bundle.rs              `bundle export` and `import`
//!     host.rs                `host` and its commands
//!     event.rs               what happens during a run
//!     warning.rs             what a person should know and what stops nothing
//!     query/
//!       status.rs doctor.rs graph.rs outdated.rs generations.rs tags.rs profiles.rs why.rs
//!     maintain/
//!       verify.rs gc.rs purge.rs
//!   toml/                    TOML that people write
//!     document.rs            reading it with the position of everything
//!     problem.rs             one fault in a file, with its excerpt
//!     schema.rs              the formats as types, for JSON Schemas
//! engine/                    wasmtime's compiling half
//!   config.rs                the one `Config`
//!   key.rs                   the engine key
//!   compile.rs               a component in, code out
//!   function_cache.rs        the function cache as wasmtime asks for it
//!   validate.rs              whether bytes are a valid component
//!   inspect.rs               imports and exports
//!   features.rs              WebAssembly features that are missing here
//!   bounds.rs                how much a component may be, in one table
//!   instance_limits.rs       counting what it makes of itself
//!   interface_limits.rs      counting what it imports and exports
//!   metadata.rs              what it says of itself
//!   error.rs                 why a component cannot be used
//! registry/                  the network, and folders that stand for it
//!   artifact.rs              what an OCI manifest or index leads to
//!   error.rs                 why a source did not answer
//!   source/                  the trait of remote registries and layouts
//!     selection.rs           which sources are asked, in which order; tags and mirrors
//!     remote.rs              reads from a registry
//!     tags.rs                lists tags
//!     probe.rs               whether a registry can be reached
//!   http/                    requests
//!     client.rs              one host with its tokens; redirects
//!     endpoint.rs            one host's address; sends one request
//!     retry.rs               the retry policy
//!     failure.rs             whether another try can help
//!     limiter.rs             how many requests at once
//!     timeouts.rs            how long a request waits
//!     body.rs                reads an answer's body
//!     transport.rs           connections, proxies, trust
//!     named_certificates.rs  trust in certificates that `ca` names
//!   auth/                    how registries grant access
//!     challenge.rs           `WWW-Authenticate`
//!     token_client.rs        gets and keeps tokens
//!     token_endpoint.rs      where a token may be asked for
//!     scope.rs               what a token allows
//!     credentials.rs         finds credentials in docker's and podman's files
//!     credential_helper.rs   docker's credential helpers
//!     docker_config.rs       changes docker's file, for `login`
//!     secret.rs              values that are never shown
//!   layout/                  OCI layouts
//!     reader.rs              reads a folder or a tar archive
//!     bundle.rs              a whole set as one artifact
//!     fault.rs               what is wrong with one
//!   publish/                 what `push` sends
//!     package.rs             a component as an artifact
//!     push.rs                blobs, then the manifest
//!     upload.rs              the body of a request
//! store/                     the disk
//!   paths.rs                 where everything is
//!   write/                   every write
//!     user_files.rs          writes to people's files
//!   trusted_files.rs         opens the store's own files
//!   owner.rs                 whose a store is
//!   error.rs                 why the disk could not be used
//!   store_lock.rs            one writer at a time
//!   blobs.rs                 blobs by digest
//!   generations.rs           generations of a profile, and which is active
//!   key.rs                   this machine's secret key
//!   logs.rs                  what extensions printed
//!   audit_log.rs             the files of the audit log
//!   code/                    compiled code
//!     cwasm.rs               its files, and their MAC
//!     cache_usage.rs         how large the caches are
//!   function_cache/          compiled functions
//!     pack.rs                the file format
//!     open_packs.rs          packs under way
//!     eviction.rs            which packs are removed
//!     tests.rs               its tests
//!   integrity/               whether the store is what it says
//!     scan.rs                what is held, for a plan
//!     fsck.rs                every file, read again
//!     quarantine.rs          damaged files, moved out of the way
//!     garbage.rs             what nothing needs
//!     store_permissions.rs   who else could change a folder
//!   memo/                    what makes a no-op cheap
//!     fingerprint.rs         how a file looks from outside
//!     verified_files.rs      which files were hashed
//!     noop_record.rs         that a command had nothing to do
//! host/                      running extensions
//!   load.rs                  from authenticated code to a component; all `unsafe`
//!   linker.rs                what a component is linked with
//!   grants.rs                which import needs which capability
//!   backends.rs              the traits behind the capabilities
//!   extension.rs             loading, instantiating, calling
//!   state.rs                 what belongs to one instance
//!   limits/                  memory, tables, resources
//!     memory_budget.rs       memory of all instances together
//!     epoch_ticker.rs        interrupts guests that never call the host
//!   observer.rs              the trait that hears of calls
//!   options.rs               what all extensions of a host share
//!   termination.rs           why a guest was stopped
//!   functions.rs             exported functions and their signatures
//!   values.rs                values as WAVE and JSON
//!   output.rs                what a guest prints
//! compiler/                  compiling in a process of its own
//!   client.rs                hands components to it
//!   process.rs               that process, seen from outside
//!   worker.rs                that process, seen from inside
//!   protocol.rs              what the two say to each other
//!   sandbox.rs               what the process gives up first
//!   settings.rs              its program and bounds
//!   inspection.rs            what it finds out about a component
//!   error.rs                 why it gave no answer
//! ops/                       the verbs
//!   context.rs               what every verb is given
//!   project/                 the files of a project
//!     search.rs              finds the manifest
//!     files.rs               reads files that people name
//!     links.rs               follows symbolic links
//!     ownership.rs           refuses files of other users
//!   policy/                  what extensions may do
//!     checks.rs              grants, limits and sources
//!     registries.rs          registries as policy lets them be reached
//!     preopens.rs            opens granted folders
//!     preopen_rules.rs       which folders are never given
//!     folder_checks.rs       the folders of a whole set
//!     protected_paths.rs     what a guest must not be able to write
//!   sync/                    `sync`
//!     options.rs             its options
//!     lock.rs                `lock`
//!     planned_sync.rs        a set to activate, and its plan
//!     apply.rs               runs a plan
//!     staging_sink.rs        the place on the disk for what is fetched
//!     lock_verification.rs   whether components are what the lock says
//!     observe.rs             what is declared, locked, held and active, and what policies say
//!     noop_check.rs          whether there is nothing to do
//!     narrow.rs              what a refused sync still removes
//!     forecast.rs            what the next sync would do
//!     diff.rs                `diff`
//!     rollback.rs            `rollback`
//!   edit/                    changes to a project and the active set
//!     init.rs                `init`
//!     install.rs             `install`, `add`
//!     install_source.rs      where a component comes from, and which versions are declared
//!     remove.rs              `remove`
//!     upgrade.rs             `upgrade`
//!     grants.rs              `grant`, `revoke`
//!     profiles.rs            `profile delete`, `profile rename`
//!     manifest_files.rs      writes entries where they stand
//!     consent.rs             which grants a person agrees to
//!     transaction.rs         all of a change or nothing
//!     undo.rs                puts files back
//!   run/                     running what is active
//!     active.rs              the active set, loaded
//!     uninstalled.rs         a component's file, compiled and loaded
//!     extension_logs.rs      what extensions print, kept and read
//!     call.rs                `call`
//!     secrets.rs             secrets for development
//!   query/                   reports
//!     status.rs              `status`
//!     doctor.rs              `doctor`
//!     machine_checks.rs      what the host needs of this machine
//!     list.rs                `list` and `info`
//!     outdated.rs            `outdated`
//!     tags.rs                `tags`
//!     why.rs                 `why`
//!     annotations.rs         what an extension says of itself
//!     profiles.rs            `profile list`
//!     graph.rs               `graph`
//!     generations.rs         `generations`
//!   maintain/                the store
//!     verify.rs              `verify`
//!     gc.rs                  `gc`
//!     purge.rs               `purge`
//!     gc_roots.rs            what is needed
//!   bundle/                  sets without a network
//!     export.rs              `bundle export`
//!     import.rs              `bundle import`
//!     bundled_set.rs         what a bundle would write
//!   publish/                 for authors
//!     push.rs                `push`
//!     login.rs               `login`, `logout`, `registry check`
//!     wit.rs                 `wit`
//!     man_pages.rs           `man`
//!     completions.rs         `completions --install`
//!     drawing.rs             `graph -o`
//!   test_machine.rs          a machine in a temporary folder, for unit tests
//!   error/                   the error of every verb
//!     project.rs lock.rs profile.rs edit.rs bundle.rs run.rs  of one domain: what, of which kind, what to do
//!     policy.rs              the same of what is not allowed
//!     folder.rs              why a folder is not given
//!     component_hints.rs     what to do about a component
//!     registry_hints.rs      what to do about a registry's errors
//!     store_hints.rs         what to do about the store's errors
//! daemon/                    the host of the desktop, a service on the session bus
//!   environment.rs           where it finds everything
//!   names.rs                 what it is called on the bus and by systemd
//!   service.rs               calls: finding, running, ending
//!   refusal.rs               why a call is refused
//!   error.rs                 why the host cannot run or be asked
//!   status.rs                what it says of itself
//!   timers.rs                what runs by itself
//!   hardening.rs             what it gives up
//!   setup.rs                 `host enable`, `host disable`
//!   serving/                 what is served at one moment
//!     reload.rs              reads it anew
//!     watch.rs               notices changes of files
//!   schedule/                which guest runs when
//!     turns.rs               whose turn it is
//!     executor/              the threads that run guests
//!       tests.rs             its tests
//!     file_threads.rs        the threads for granted folders
//!   record/                  what it writes down
//!     call_counts.rs         counts for the status
//!   bus/                     the session bus
//!     interface.rs           methods, signals, errors
//!     server.rs              the connection and the name
//!     link.rs                the connection that there is now
//!     client.rs              asks the host that runs
//!     systemd.rs             what is asked of systemd
//!   backends/                what stands behind the capabilities
//!     desktop.rs             what all of them use
//!     secrets.rs             where secrets are kept
//!     secret_service.rs      the desktop's keyring
//!     clipboard/             `clipboard-write`
//!       process_link.rs      asks the process that holds the clipboard
//!     clipboard_process.rs   that process
//!     notification.rs        the desktop's notifications
//!     messages.rs            `ipc-publish`
//!     health.rs              which of them cannot be used
//!     rate.rs                how often an extension may do something
//!     trial.rs               one try of each
//! named_files.rs             opens files that people name
//! seccomp.rs                 gives up system calls
//! clock.rs                   the time, and how long a wait takes
//! main.rs                    the program
//! cli/                       arguments in, words and JSON out
//!   options.rs               arguments that commands share
//!   invocation.rs            what every command is given
//!   usage.rs                 what is wrong with a command line
//!   lazy.rs                  commands that are built where they are called
//!   completion_candidates.rs what shells offer
//!   commands/                one file for each command
//!     project/               the manifest and the lock
//!       init.rs add.rs remove.rs grant.rs revoke.rs lock.rs why.rs tags.rs outdated.rs upgrade.rs graph.rs
//!       new_extension.rs     what `add` and `install` share
//!     machine/               what is active, and the store
//!       sync.rs diff.rs status.rs doctor.rs generations.rs rollback.rs profile.rs verify.rs gc.rs purge.rs
//!     bundle/
//!       export.rs import.rs
//!     extension/
//!       install.rs list.rs info.rs log.rs call.rs push.rs
//!     registry/
//!       login.rs logout.rs check.rs
//!     host/
//!       enable.rs disable.rs status.rs test.rs secret.rs log.rs audit.rs run.rs
//!       client.rs            calls by the host
//!       clipboard.rs         the process that holds the clipboard
//!     documentation/         what there is to read
//!       help.rs man.rs completions.rs schema.rs wit.rs
//!   render/                  words, tables, drawings, JSON
//!     style.rs               colours and links
//!     table.rs               tables
//!     active_set.rs          what is active, and what changes
//!     lock_changes.rs        what changes in a lock
//!     plan.rs                a plan
//!     edit_outcome.rs        how a change ended
//!     consent.rs             what is asked for
//!     graph/                 the graph as text, DOT and Mermaid
//!       picture.rs           the same as SVG
//!       imports.rs           how an import is served, in words
//!     progress.rs            a run as it goes on
//!     failure.rs             errors and exit statuses
//!     warning.rs             warnings
//!     json.rs                the JSON document
//!   terminal/                the terminal and the environment
//!     environment.rs         reads the environment
//!     output.rs              standard output and standard error
//!     consent.rs             asks what an extension is granted
//!     prompt.rs              asks the person
//!     guest_output.rs        what a called extension prints
//!   catalogue/               a test: renders every message for `fixtures/snapshots/messages.txt`
//!     program_messages.rs verb_messages.rs sync_messages.rs registry_messages.rs store_messages.rs
//!     engine_messages.rs model_messages.rs report_messages.rs host_messages.rs
//!   help/                    `sesame help`
//!     markdown.rs            chapters of the README at a terminal
//!     completions.rs         completion scripts and manual pages
//!     nushell.rs             completions for Nushell
//!     schema.rs              JSON Schemas
//! ```
//!
//! # On disk
//!
//! ```text
//! sesame.toml, extensions/*.toml, sesame.lock          the project; people commit all of it
//! $XDG_DATA_HOME/pds/blobs/sha256/<hex>                manifests and components: read-only, named by their digest
//! $XDG_DATA_HOME/pds/staging/<hex>.partial             unfinished downloads, which a later run resumes
//! $XDG_DATA_HOME/pds/profiles/<name>/generations/, current  each generation, and which one is active
//! $XDG_DATA_HOME/pds/quarantine/                       damaged files, moved out of the way
//! $XDG_DATA_HOME/pds/lock                              the advisory lock of the process that changes the store
//! $XDG_CACHE_HOME/pds/cwasm/<engine key>/<hex>         compiled code with its MAC
//! $XDG_CACHE_HOME/pds/functions/<engine key>/*.pack    compiled functions, shared by the components that have them
//! $XDG_CACHE_HOME/pds/stamps/<name>                    fingerprints from the last time a command had nothing to do
//! $XDG_CACHE_HOME/pds/verified                         which files were hashed, so that unchanged ones are not hashed again
//! $XDG_STATE_HOME/pds/key                              32 random bytes, the key of that MAC
//! $XDG_STATE_HOME/pds/logs/<name>.log, <name>.log.old  what extensions printed
//! $XDG_STATE_HOME/pds/audit/<n>.jsonl                  what extensions did with secrets and the clipboard
//! $XDG_STATE_HOME/pds/host.log, host.log.old           what the host of the desktop says of itself
//! $XDG_CONFIG_HOME/pds/policy.toml, /etc/pds/…         the most that any extension gets, and how registries are reached
//! $XDG_CONFIG_HOME/pds/host.toml                       how the host of the desktop runs extensions
//! $XDG_CONFIG_HOME/pds/config.toml                     the host's own; only its `[extensions.policy]` is read
//! ~/.docker/config.json, …/containers/auth.json        credentials, where docker and podman keep them
//! ```
//!
//! # Invariants
//!
//! Comments cite them by number and name; a test holds the two together.
//!
//! 1. **Presence means validity.** What the store holds under a digest has that digest. Files get their final name only when
//!    whole, checked and synced: blobs before the generation, the generation before `current`. All writes are in
//!    `store/write/`.
//! 2. **Only components are compiled.** Bytes from a registry are compiled only if they are a component with the locked
//!    digest ([`model::file_kind`]).
//! 3. **Only this machine's code runs.** Compiled code is loaded only if this machine's key says that this machine made it
//!    ([`host::load`]). Anything else is compiled again.
//! 4. **One engine configuration.** One function builds the wasmtime `Config` ([`engine::config`]), with every wasm feature
//!    set explicitly.
//! 5. **Grants decide.** An extension gets the capabilities that its manifest grants and nothing else ([`host::grants`]), and
//!    however a guest behaves, a call of it returns within its limits ([`host::extension`]).
//! 6. **The lock decides.** A locked sync asks no registry about a tag: only what the lock does not satisfy is resolved, so a tag that
//!    has moved changes nothing ([`model::lock::Lock::staleness`]). Mirrors serve digests ([`registry::source::selection`]).
//! 7. **Paths are made of checked parts.** Paths of the store are built from digests and checked names only
//!    ([`store::paths`]).
//! 8. **Secrets stay secret.** Credentials go only to the host they belong to, and never into a message or a log
//!    ([`registry::auth::secret`]).
//! 9. **A failed sync adds nothing.** A failed or interrupted sync leaves the old generation active, and what was verified in the
//!    store. If it was refused and the manifest declares less than is active, the part that is still declared becomes active
//!    ([`ops::sync::narrow`]).
//! 10. **What is named is kept.** Nothing is removed that a generation of any profile names, or the lock of a manifest that
//!     made one ([`ops::maintain::gc`]); nor is a generation that a process runs ([`store::generations`]).
//! 11. **Nothing to do costs nothing.** A sync with nothing to do makes no request, starts no runtime and no compiler, and
//!     writes nothing to the store ([`ops::sync::noop_check`]).
//!
//! # Reading order
//!
//! [`model`] from top to bottom; then [`ops::sync`], which tells the whole story in one page, and [`ops::sync::lock`]; then
//! the folder that you need. The tests in `tests/suite` are grouped the same way, and show every promise with the real
//! program.
//!
//! # Example
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use sesame::model::report::event::NoObserver;
//! use sesame::clock::Clock;
//! use sesame::compiler::settings::CompilerSettings;
//! use sesame::ops::context::{Context, Interrupt, UserPaths};
//! use sesame::ops::project::Project;
//! use sesame::ops::project::search::Search;
//! use sesame::ops::sync;
//! use sesame::ops::sync::options::{LockPolicy, ProfileTakeover, SyncOptions, WriteMode};
//! use sesame::registry::source::selection::{Network, NetworkMode};
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
//!     network_mode: NetworkMode::Online,
//!     jobs: 6,
//!     compiler: CompilerSettings::of_program("/usr/bin/sesame".into()),
//!     clock: Clock::SYSTEM,
//!     observer: Arc::new(NoObserver),
//!     interrupt: Interrupt::default(),
//!     holder: "my daemon".to_owned(),
//!     user: UserPaths {
//!         home: Some("/home/me".into()),
//!         configuration: "/home/me/.config/pds".into(),
//!         policies: vec!["/etc/pds/policy.toml".into()],
//!     },
//! };
//! let options =
//!     SyncOptions { mode: WriteMode::Write, policy: LockPolicy::Locked, ownership: ProfileTakeover::Refuse, profile: None };
//! let report = sync::sync(&context, &options)?;
//! println!("{} extensions are live", report.extensions.len());
//! # Ok(())
//! # }
//! ```

pub mod clock;
pub mod compiler;
#[cfg(feature = "daemon")]
pub mod daemon;
pub mod engine;
pub mod host;
pub mod model;
mod named_files;
pub mod ops;
pub mod registry;
mod seccomp;
pub mod store;
