//! The command line: which commands there are, and what each is called. A command has a file of its own, with its arguments,
//! what it does with them, and its words.

pub mod bundle;
pub mod documentation;
pub mod extension;
#[cfg(feature = "daemon")]
pub mod host;
pub mod machine;
pub mod project;
pub mod registry;

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::{ArgValueCandidates, CompletionCandidate};

use sesame::compiler::settings::CompilerSettings;
use sesame::compiler::worker;

use super::help::known;
use super::invocation::{CommandOutcome, Invocation};
use super::lazy::{Lazy, LazySubcommand};
use super::options::GlobalOptions;
use super::render::failure::CommandError;
use bundle::BundleSubcommand;
use documentation::completions::CompletionsCommand;
use documentation::help;
use documentation::man::ManCommand;
use documentation::schema::SchemaCommand;
use documentation::wit::WitCommand;
use extension::call::{CALL_HELP, CallCommand};
use extension::info::InfoCommand;
use extension::install::InstallCommand;
use extension::list::ListCommand;
use extension::log::LogCommand;
use extension::push::PushCommand;
use machine::diff::DiffCommand;
use machine::doctor::DoctorCommand;
use machine::gc::GcCommand;
use machine::generations::GenerationsCommand;
use machine::profile::ProfileSubcommand;
use machine::purge::PurgeCommand;
use machine::rollback::RollbackCommand;
use machine::status::StatusCommand;
use machine::sync::SyncCommand;
use machine::verify::VerifyCommand;
use project::add::AddCommand;
use project::grant::GrantCommand;
use project::graph::GraphCommand;
use project::init::InitCommand;
use project::lock::LockCommand;
use project::outdated::OutdatedCommand;
use project::remove::RemoveCommand;
use project::revoke::RevokeCommand;
use project::tags::TagsCommand;
use project::upgrade::UpgradeCommand;
use project::why::WhyCommand;
use registry::RegistrySubcommand;

#[cfg(feature = "daemon")]
use host::HostSubcommand;

/// Provisions WebAssembly-component extensions for the Open Sesame desktop host.
///
/// sesame.toml says which extensions this machine should have, sesame.lock pins them, and `sesame sync` fetches,
/// checks and compiles them and makes them live.
#[derive(Debug, Parser)]
#[command(name = "sesame", version = version(), max_term_width = 100, after_long_help = EXIT_STATUS,
    disable_help_subcommand = true)]
pub struct Arguments {
    #[command(flatten)]
    pub globals: GlobalOptions,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    #[command(flatten)]
    Verb(SharedCommand),
    /// Install an extension into a file of its own; and all commands above, for use beside other programs of Open Sesame
    Extension(LazySubcommand<ExtensionSubcommand>),
    /// The host of the desktop, which runs extensions: on the session bus, with the desktop's keyring, clipboard and notifications
    #[cfg(feature = "daemon")]
    Host(LazySubcommand<HostSubcommand>),
    /// Registries: log in and out, and look how one can be reached
    Registry(LazySubcommand<RegistrySubcommand>),
    /// Look at components and compile them, for the process that started this one
    #[command(name = CompilerSettings::COMMAND, hide = true)]
    CompileWorker,
    /// Hold the clipboard, for the host that started this
    #[cfg(feature = "daemon")]
    #[command(name = sesame::daemon::backends::clipboard_process::COMMAND, hide = true)]
    ClipboardProcess,
}

#[derive(Debug, Clone, Subcommand)]
pub enum SharedCommand {
    /// Write a commented sesame.toml to start from
    Init(Lazy<InitCommand>),
    /// Add an extension to sesame.toml, lock it and make it live
    Add(Lazy<AddCommand>),
    /// Take extensions away: from the manifest, the lock and the live set
    Remove(Lazy<RemoveCommand>),
    /// Grant capabilities to an extension: in its manifest, and in the active set
    Grant(Lazy<GrantCommand>),
    /// Revoke capabilities of an extension: in its manifest, and in the active set
    Revoke(Lazy<RevokeCommand>),
    /// Resolve what sesame.lock does not satisfy, and write it
    Lock(Lazy<LockCommand>),
    /// Make the locked extensions live on this machine
    Sync(Lazy<SyncCommand>),
    /// Show what `lock` and `sync` would change; exits with 1 if anything
    Diff(Lazy<DiffCommand>),
    /// Show where manifest, lock, store, cache and live set differ, and what mends it; exits with 1 if anything does
    Status(Lazy<StatusCommand>),
    /// List the active extensions
    #[command(alias = "ls")]
    List(Lazy<ListCommand>),
    /// Show one extension: its source, grants, limits, digests and world
    Info(Lazy<InfoCommand>),
    /// Call a function of an extension, or of a component that is not installed
    #[command(after_long_help = CALL_HELP)]
    Call(Lazy<CallCommand>),
    /// Show what an extension has printed and logged
    Log(Lazy<LogCommand>),
    /// List the generations of a live set with what each changed, or delete some
    Generations(Lazy<GenerationsCommand>),
    /// Look at what sesame stands on: folders, manifest, lock, policies, proxies, registries; exits with 1 if anything is wrong
    Doctor(Lazy<DoctorCommand>),
    /// Draw what the extensions of the manifest import and export, and what is granted to them
    #[command(alias = "tree")]
    Graph(Lazy<GraphCommand>),
    /// Show why an extension or a capability is there: the line of the manifest, the lock entry, the generation that brought it
    Why(Lazy<WhyCommand>),
    /// List the tags of a repository, the newest version first, with what the manifest allows and what is locked
    Tags(Lazy<TagsCommand>),
    /// List extensions that have newer versions, and what those would want; exits with 1 if any
    Outdated(Lazy<OutdatedCommand>),
    /// Take the newest versions that the manifest allows, and make them live
    Upgrade(Lazy<UpgradeCommand>),
    /// Make another generation live again, without a network
    Rollback(Lazy<RollbackCommand>),
    /// Publish a component's file, to a registry or into a folder in the OCI image layout
    Push(Lazy<PushCommand>),
    /// List, delete or rename the profiles of this machine
    Profile(LazySubcommand<ProfileSubcommand>),
    /// Carry a whole set to a machine without a network, in one archive or folder
    Bundle(LazySubcommand<BundleSubcommand>),
    /// Look whether everything on the disk is what its name says; exits with 76 if not
    Verify(Lazy<VerifyCommand>),
    /// Throw away what no generation and no lock needs, and what is of no more use in the cache
    Gc(Lazy<GcCommand>),
    /// Remove all files that sesame created on this machine; manifests, locks and policies are kept
    Purge(Lazy<PurgeCommand>),
    /// Print what a shell reads to complete commands, options and the names of extensions
    Completions(Lazy<CompletionsCommand>),
    /// Write manual pages into a folder, for example ~/.local/share/man/man1
    Man(Lazy<ManCommand>),
    /// Explain a command, or a topic: the formats of files, capabilities, registries, the store
    Help {
        /// A command or a topic [default: a list of both]
        #[arg(value_name = "TOPIC", add = ArgValueCandidates::new(help_topics))]
        names: Vec<String>,
    },
    /// Print the JSON Schema of a file format
    Schema(Lazy<SchemaCommand>),
    /// Print the WIT interfaces of the host, or write them into a folder
    Wit(Lazy<WitCommand>),
}

#[derive(Debug, Clone, Subcommand)]
pub enum ExtensionSubcommand {
    #[command(flatten)]
    Verb(SharedCommand),
    /// Install an extension into a manifest of its own, `extensions/NAME.toml`
    Install(Lazy<InstallCommand>),
}

impl Command {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        match self {
            Self::Verb(verb) => verb.run(invocation),
            Self::Extension(LazySubcommand(command)) => command.run(invocation),
            #[cfg(feature = "daemon")]
            Self::Host(LazySubcommand(command)) => command.run(invocation),
            Self::Registry(LazySubcommand(command)) => command.run(invocation),
            #[cfg(feature = "daemon")]
            Self::ClipboardProcess => host::clipboard::run(),
            Self::CompileWorker => {
                worker::serve(std::io::stdin().lock(), std::io::stdout()).map_err(CommandError::Worker)?;
                Ok(CommandOutcome::Done)
            }
        }
    }
}

impl SharedCommand {
    fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        match self {
            Self::Init(command) => command.run(invocation),
            Self::Add(command) => command.run(invocation),
            Self::Remove(command) => command.run(invocation),
            Self::Grant(command) => command.run(invocation),
            Self::Revoke(command) => command.run(invocation),
            Self::Lock(command) => command.run(invocation),
            Self::Sync(command) => command.run(invocation),
            Self::Diff(command) => command.run(invocation),
            Self::Status(command) => command.run(invocation),
            Self::List(command) => command.run(invocation),
            Self::Info(command) => command.run(invocation),
            Self::Call(command) => command.run(invocation),
            Self::Log(command) => command.run(invocation),
            Self::Generations(command) => command.run(invocation),
            Self::Doctor(command) => command.run(invocation),
            Self::Graph(command) => command.run(invocation),
            Self::Why(command) => command.run(invocation),
            Self::Tags(command) => command.run(invocation),
            Self::Outdated(command) => command.run(invocation),
            Self::Upgrade(command) => command.run(invocation),
            Self::Rollback(command) => command.run(invocation),
            Self::Profile(LazySubcommand(command)) => command.run(invocation),
            Self::Push(command) => command.run(invocation),
            Self::Bundle(LazySubcommand(command)) => command.run(invocation),
            Self::Verify(command) => command.run(invocation),
            Self::Gc(command) => command.run(invocation),
            Self::Purge(command) => command.run(invocation),
            Self::Completions(command) => command.run(invocation),
            Self::Man(command) => command.run(invocation),
            Self::Help { names } => help::run(invocation, names),
            Self::Schema(command) => command.run(invocation),
            Self::Wit(command) => command.run(invocation),
        }
    }
}

impl ExtensionSubcommand {
    fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        match self {
            Self::Verb(SharedCommand::Help { names }) => invocation.help_below("extension", names),
            Self::Verb(verb) => verb.run(invocation),
            Self::Install(command) => command.run(invocation),
        }
    }
}

/// What there is help for. Only here are all commands known, so this argument of `help` is not in the file of its command.
fn help_topics() -> Vec<CompletionCandidate> {
    known(&Arguments::command()).into_iter().map(CompletionCandidate::new).collect()
}

fn version() -> String {
    format!("{} (wasmtime {})", env!("CARGO_PKG_VERSION"), sesame::engine::key::wasmtime_version())
}

const EXIT_STATUS: &str = "\
Exit status:
    0  done
    1  something differs (--check, diff, status, outdated), is wrong (doctor) or was left (upgrade);
       the profile is held (sync --check); the called function returned an error;
       a registry denies access (registry check)
    2  the command line is wrong
    3  the called extension trapped or met a limit
   65  a manifest, a lock or something fetched cannot be used
   66  there is no manifest, or no such extension
   69  a registry cannot be reached, or does not have it
   70  a fault of sesame itself
   74  the file system
   76  bytes that do not have their digest (verify, too), or other answers that cannot be believed
   77  access or a capability is denied, or the live set or a tag is somebody else's
   78  the configuration is wrong
  130  interrupted

If `sync` would be refused, `diff` and `sync --check` exit with its status, and so does `status`
as far as it is known without a request.";
