//! The command line, as clap reads it.

pub mod bundle;
pub mod extension;
pub mod machine;
pub mod project;
pub mod registry;

use std::path::PathBuf;

use clap::{ArgMatches, Args, FromArgMatches, Parser, Subcommand, ValueEnum};
use clap_complete::ArgValueCandidates;

use sesame::compiler::settings::CompilerSettings;
use sesame::model::name::{ExtensionName, ProfileName};

use super::help::completions::{Shell, help_names, live_names};
use super::options::{Compiling, FunctionCacheArgument, Means};
use super::render::graph::GraphFormat;

use bundle::import::BundleCommand;
use extension::push::{AddArguments, ExtensionCommand, RegistryCommand, RemoveArguments};

/// Provisions WebAssembly-component extensions for the Open Sesame desktop host.
///
/// sesame.toml says which extensions this machine should have, sesame.lock pins them, and `sesame sync` fetches,
/// checks and compiles them and makes them live.
#[derive(Debug, Parser)]
#[command(name = "sesame", version = version(), max_term_width = 100, after_long_help = EXIT_STATUS,
    disable_help_subcommand = true)]
pub struct Arguments {
    /// The manifest, or the folder it is in [default: sesame.toml here or above, then the user's own]
    #[arg(long, short = 'm', global = true, value_name = "PATH")]
    pub manifest: Option<PathBuf>,

    /// Print one JSON document on standard output
    #[arg(long, global = true)]
    pub json: bool,

    /// Say nothing but errors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Say every step; twice, every request too
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,

    #[command(subcommand)]
    pub command: Command,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    #[command(flatten)]
    Verb(Verb),
    /// Single extensions: install, list, call, push; and the commands above, for use beside other programs of Open Sesame
    Extension(Below<ExtensionCommand>),
    /// Registries: log in and out, and look how one can be reached
    Registry(Below<RegistryCommand>),
    /// Look at components and compile them, for the process that started this one
    #[command(name = CompilerSettings::COMMAND, hide = true)]
    CompileWorker,
}

/// The commands below another one, which are only built where that is called: building all takes longer than a sync with
/// nothing to do.
#[derive(Debug, Clone)]
pub struct Below<T>(pub T);

impl<T: Subcommand> FromArgMatches for Below<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        T::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

impl<T: Subcommand> Args for Below<T> {
    fn augment_args(command: clap::Command) -> clap::Command {
        let command = command.subcommand_required(true).arg_required_else_help(true);
        command.defer(T::augment_subcommands)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

#[derive(Debug, Clone, Args)]
pub struct ProfileArgument {
    /// Which live set [default: the manifest's, or `default`]
    #[arg(long, value_name = "NAME")]
    pub profile: Option<ProfileName>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum Verb {
    /// Write a commented sesame.toml to start from
    Init,
    /// Add an extension to sesame.toml, lock it and make it live
    Add(AddArguments),
    /// Take extensions away: from the manifest, the lock and the live set
    Remove(RemoveArguments),
    /// Resolve what sesame.lock does not satisfy, and write it
    Lock(LockArguments),
    /// Make the locked extensions live on this machine
    Sync(SyncArguments),
    /// Show what `lock` and `sync` would change; exits with 1 if anything
    Diff {
        /// The live set to compare with [default: the manifest's, or `default`]
        #[arg(long, value_name = "NAME")]
        profile: Option<ProfileName>,
        #[command(flatten)]
        means: Means,
    },
    /// Show where manifest, lock, store, cache and live set differ, and what mends it; exits with 1 if anything does
    Status {
        /// Also ask registries: for tags that moved, and for what is locked and gone
        #[arg(long)]
        remote: bool,
        #[command(flatten)]
        profile: ProfileArgument,
        #[command(flatten)]
        means: Means,
    },
    /// List the generations of a live set with what each changed, or delete some
    Generations {
        #[command(flatten)]
        profile: ProfileArgument,
        #[command(subcommand)]
        command: Option<GenerationsCommand>,
    },
    /// Look at what sesame stands on: folders, manifest, lock, policies, proxies, registries; exits with 1 if anything is wrong
    Doctor {
        #[command(flatten)]
        means: Means,
    },
    /// Draw what the extensions of the manifest import and export, and what is granted to them
    #[command(alias = "tree")]
    Graph {
        /// In which format
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: GraphFormat,
    },
    /// List extensions that have newer versions, and what those would want; exits with 1 if any
    Outdated {
        #[command(flatten)]
        means: Means,
    },
    /// Take the newest versions that the manifest allows, and make them live
    Upgrade {
        /// Names of extensions [default: all]
        #[arg(value_name = "NAME", add = ArgValueCandidates::new(live_names))]
        names: Vec<ExtensionName>,
        #[command(flatten)]
        profile: ProfileArgument,
        #[command(flatten)]
        means: Means,
    },
    /// Make another generation live again, without a network
    Rollback {
        /// Its number [default: the next one below the live one's]
        #[arg(value_name = "N")]
        generation: Option<u64>,
        #[command(flatten)]
        profile: ProfileArgument,
        #[command(flatten)]
        compiling: Compiling,
    },
    /// Carry a whole set to a machine without a network, in one archive or folder
    Bundle(Below<BundleCommand>),
    /// Look whether everything on the disk is what its name says; exits with 76 if not
    Verify {
        /// Mend what can be mended: put aside what is wrong, fetch and compile again what is needed
        #[arg(long)]
        repair: bool,
        #[command(flatten)]
        means: Means,
    },
    /// Throw away what no generation and no lock needs, and what is of no more use in the cache
    Gc {
        /// Only what can be made again: compiled code and functions of other versions of sesame, and what is over the bound
        #[arg(long)]
        cache: bool,
        /// Remove nothing, say what would be
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        functions: FunctionCacheArgument,
    },
    /// Print what a shell reads to complete commands, options and the names of extensions
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Write manual pages into a folder, for example ~/.local/share/man/man1
    Man {
        /// The folder
        folder: PathBuf,
    },
    /// Explain a command, or a topic: the formats of files, capabilities, registries, the store
    Help {
        /// A command or a topic [default: a list of both]
        #[arg(value_name = "TOPIC", add = ArgValueCandidates::new(help_names))]
        names: Vec<String>,
    },
    /// Print the JSON Schema of a file format
    Schema {
        /// Which format
        name: SchemaName,
    },
    /// Print the WIT interfaces of the host, or write them into a folder
    Wit {
        /// The folder, for example wit/deps/open-sesame-host
        folder: Option<PathBuf>,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub enum GenerationsCommand {
    /// Delete generations, but never the live one
    Delete {
        /// Their numbers
        #[arg(value_name = "N", required = true)]
        generations: Vec<u64>,
        #[command(flatten)]
        profile: ProfileArgument,
    },
}

#[derive(Debug, Clone, Args)]
pub struct LockArguments {
    /// Write nothing; exit with 1 if the lock would change
    #[arg(long)]
    pub check: bool,
    /// Resolve every tag again
    #[arg(long)]
    pub upgrade: bool,
    /// Resolve one extension's tag again; may be given several times
    #[arg(long = "upgrade-extension", short = 'P', value_name = "NAME", conflicts_with = "upgrade",
        add = ArgValueCandidates::new(live_names))]
    pub names: Vec<ExtensionName>,
    #[command(flatten)]
    pub means: Means,
}

#[derive(Debug, Clone, Args)]
pub struct SyncArguments {
    /// Fail if the lock is stale, instead of making it again
    #[arg(long, conflicts_with = "frozen")]
    pub locked: bool,
    /// Take the set from the lock as it stands, whatever the manifest and its files say by now
    #[arg(long)]
    pub frozen: bool,
    /// Change nothing, print the plan; exit with 1 if there is one
    #[arg(long)]
    pub check: bool,
    /// Change nothing, print the plan
    #[arg(long, conflicts_with = "check")]
    pub dry_run: bool,
    /// Take over a profile that another manifest made
    #[arg(long)]
    pub adopt: bool,
    /// The live set to change [default: the manifest's, or `default`]
    #[arg(long, value_name = "NAME")]
    pub profile: Option<ProfileName>,
    #[command(flatten)]
    pub means: Means,
}

/// The formats that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaName {
    /// sesame.toml
    #[value(name = "sesame.toml")]
    Manifest,
    /// extensions/NAME.toml
    #[value(name = "extension.toml")]
    DropIn,
    /// sesame.lock
    #[value(name = "sesame.lock")]
    Lock,
    /// What --json prints
    #[value(name = "output.json")]
    Output,
}

impl Command {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Verb(verb) => verb.name(),
            Self::Extension(Below(command)) => match command {
                ExtensionCommand::Verb(verb) => verb.name(),
                ExtensionCommand::Install(_) => "install",
                ExtensionCommand::List { .. } => "list",
                ExtensionCommand::Info { .. } => "info",
                ExtensionCommand::Log { .. } => "log",
                ExtensionCommand::Call(_) => "call",
                ExtensionCommand::Push { .. } => "push",
            },
            Self::Registry(Below(command)) => match command {
                RegistryCommand::Login { .. } => "login",
                RegistryCommand::Logout { .. } => "logout",
                RegistryCommand::Check { .. } => "check",
                RegistryCommand::Help { .. } => "help",
            },
            Self::CompileWorker => CompilerSettings::COMMAND,
        }
    }
}

impl Verb {
    fn name(&self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Add(_) => "add",
            Self::Remove(_) => "remove",
            Self::Lock(_) => "lock",
            Self::Sync(_) => "sync",
            Self::Diff { .. } => "diff",
            Self::Status { .. } => "status",
            Self::Generations { .. } => "generations",
            Self::Rollback { .. } => "rollback",
            Self::Bundle(Below(command)) => command.name(),
            Self::Doctor { .. } => "doctor",
            Self::Graph { .. } => "graph",
            Self::Outdated { .. } => "outdated",
            Self::Upgrade { .. } => "upgrade",
            Self::Verify { .. } => "verify",
            Self::Gc { .. } => "gc",
            Self::Completions { .. } => "completions",
            Self::Man { .. } => "man",
            Self::Help { .. } => "help",
            Self::Schema { .. } => "schema",
            Self::Wit { .. } => "wit",
        }
    }
}

fn version() -> String {
    format!("{} (wasmtime {})", env!("CARGO_PKG_VERSION"), sesame::engine::key::wasmtime_version())
}

const EXIT_STATUS: &str = "\
Exit status:
    0  done
    1  something differs (--check, diff, status, outdated, doctor), the called function returned an error, or a registry does not let us in (check)
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
  130  interrupted";
