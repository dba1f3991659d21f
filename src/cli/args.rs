//! The command line, as clap reads it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use sesame::model::name::{ExtensionName, ProfileName};

/// Provisions WebAssembly-component extensions for the Open Sesame desktop host.
///
/// sesame.toml says which extensions this machine should have, sesame.lock pins them, and `sesame sync` fetches,
/// checks and compiles them and makes them live.
#[derive(Debug, Parser)]
#[command(name = "sesame", version = version(), max_term_width = 100, after_long_help = EXIT_STATUS)]
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

    /// Say every step
    #[arg(long, short, global = true)]
    pub verbose: bool,

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
    /// The same commands, for use beside other programs of Open Sesame
    Extension {
        #[command(subcommand)]
        verb: Verb,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub enum Verb {
    /// Write a commented sesame.toml to start from
    Init,
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
        network: Network,
    },
    /// Print the JSON Schema of a file format
    Schema {
        /// Which format
        name: SchemaName,
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
    #[arg(long = "upgrade-extension", short = 'P', value_name = "NAME", conflicts_with = "upgrade")]
    pub names: Vec<ExtensionName>,
    #[command(flatten)]
    pub network: Network,
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
    pub network: Network,
}

#[derive(Debug, Clone, Args)]
pub struct Network {
    /// Ask nobody; OCI layouts on this machine still serve
    #[arg(long)]
    pub offline: bool,
    /// How many fetches go on at once
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub jobs: u8,
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
    /// What to do, whether it was given as `sesame NAME` or `sesame extension NAME`.
    pub fn verb(&self) -> &Verb {
        match self {
            Self::Verb(verb) | Self::Extension { verb } => verb,
        }
    }
}

impl Verb {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Lock(_) => "lock",
            Self::Sync(_) => "sync",
            Self::Diff { .. } => "diff",
            Self::Schema { .. } => "schema",
        }
    }
}

fn version() -> String {
    format!("{} (wasmtime {})", env!("CARGO_PKG_VERSION"), sesame::engine::key::wasmtime_version())
}

const EXIT_STATUS: &str = "\
Exit status:
    0  done
    1  something differs (--check, diff)
    2  the command line is wrong
   65  a manifest, a lock or something fetched cannot be used
   66  there is no manifest, or no such extension
   69  a registry cannot be reached, or does not have it
   70  a fault of sesame itself
   74  the file system
   76  bytes that do not have their digest
   77  access or a capability is denied, or the live set is another manifest's
   78  the configuration is wrong
  130  interrupted";
