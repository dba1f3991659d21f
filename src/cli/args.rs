//! The command line, as clap reads it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use sesame::model::capability::Grant;
use sesame::model::destination::Destination;
use sesame::model::name::{ExtensionName, ProfileName};
use sesame::model::reference::{OciReference, RegistryHost};
use sesame::model::registries::RegistryPattern;
use sesame::ops::context::Compiler;

use super::means::{Compiling, FunctionCacheArgument, Means, number};

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
    Extension {
        #[command(subcommand)]
        command: ExtensionCommand,
    },
    /// Registries: log in and out, and look how one can be reached
    Registry {
        #[command(subcommand)]
        command: RegistryCommand,
    },
    /// Look at components and compile them, for the process that started this one
    #[command(name = Compiler::COMMAND, hide = true)]
    CompileWorker,
}

#[derive(Debug, Clone, Subcommand)]
pub enum RegistryCommand {
    /// Check a name and a password, and keep them where docker does
    Login {
        /// host[:port]
        host: RegistryHost,
        /// The name [default: asked for]
        #[arg(long, short)]
        username: Option<String>,
        /// Read the password, or an access token, from standard input
        #[arg(long, requires = "username")]
        password_stdin: bool,
    },
    /// Forget what docker's file, or its helper, has for a registry
    Logout {
        /// host[:port]
        host: RegistryHost,
    },
    /// Look whether a registry can be reached and lets us in; exits with 1 if it does not let us in
    Check {
        /// host[:port], or with a namespace, where credentials may be kept for that alone
        #[arg(value_name = "HOST[/NAMESPACE]")]
        registry: RegistryPattern,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub enum ExtensionCommand {
    #[command(flatten)]
    Verb(Verb),
    /// Install an extension, or another revision of it: manifest, lock and live set
    Install(InstallArguments),
    /// List what is live
    List {
        #[command(flatten)]
        profile: ProfileArgument,
    },
    /// Show one extension: its world, grants, limits, digests
    Info {
        /// The extension's name
        name: ExtensionName,
        #[command(flatten)]
        profile: ProfileArgument,
    },
    /// Take an extension away: from manifest, lock and live set
    Remove {
        /// The extension's name
        name: ExtensionName,
        #[command(flatten)]
        profile: ProfileArgument,
        #[command(flatten)]
        means: Means,
    },
    /// Show what an extension has printed and logged
    Log {
        /// The extension's name
        name: ExtensionName,
        #[command(flatten)]
        profile: ProfileArgument,
    },
    /// Call a function of an extension, or of a component that is not installed
    #[command(after_long_help = CALL_HELP)]
    Call(CallArguments),
    /// Publish a component's file, to a registry or into a folder in the OCI image layout
    Push {
        /// The component's file
        #[arg(value_name = "FILE.wasm")]
        file: PathBuf,
        /// registry/principal/scope:revision, or oci-layout:FOLDER:REFERENCE
        #[arg(value_name = "REF")]
        destination: Destination,
        /// An annotation of the manifest, such as org.opencontainers.image.source; may be given several times
        #[arg(long = "annotation", value_name = "KEY=VALUE", value_parser = setting)]
        annotations: Vec<(String, String)>,
        /// Move a tag that names something else
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        compiling: Compiling,
    },
}

#[derive(Debug, Clone, Args)]
pub struct ProfileArgument {
    /// Which live set [default: the manifest's, or `default`]
    #[arg(long, value_name = "NAME")]
    pub profile: Option<ProfileName>,
}

#[derive(Debug, Clone, Args)]
pub struct InstallArguments {
    /// registry/principal/scope:revision[@provenance]
    #[arg(required_unless_present = "from_file", conflicts_with = "from_file")]
    pub reference: Option<OciReference>,
    /// Copy a component's file beside the manifest and install that
    #[arg(long, value_name = "FILE.wasm")]
    pub from_file: Option<PathBuf>,
    /// What to call it [default: the last part of the reference, or the file's stem]
    #[arg(long, value_name = "NAME")]
    pub name: Option<ExtensionName>,
    /// Grant a capability, `config-read`, or a part of one, `secret-read=api-token`; may be given several times
    #[arg(long = "grant", value_name = "CAPABILITY")]
    pub grants: Vec<Grant>,
    /// Grant everything that it asks for
    #[arg(long)]
    pub grant_all: bool,
    #[command(flatten)]
    pub profile: ProfileArgument,
    #[command(flatten)]
    pub means: Means,
}

#[derive(Debug, Clone, Args)]
pub struct CallArguments {
    /// A live extension's name, or a component's file (anything with a `/` or a `.` in it)
    #[arg(value_name = "NAME|FILE.wasm")]
    pub target: PathBuf,
    /// The function: `greet`, `counts.count` or `my-org:wordcount/counts.count`
    pub function: String,
    /// Its arguments in WAVE, strings also bare; in JSON with --json. Write `--` before one that begins with `-`
    #[arg(value_name = "ARG", allow_negative_numbers = true)]
    pub arguments: Vec<String>,
    /// A setting that goes before those of the manifest; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    pub config: Vec<(String, String)>,
    /// Grant a capability to a component's file
    #[arg(long = "grant", value_name = "CAPABILITY")]
    pub grants: Vec<Grant>,
    /// Secrets for development: a TOML file of strings, mode 0600
    #[arg(long, value_name = "FILE")]
    pub secrets: Option<PathBuf>,
    /// Lower the limit of time, in milliseconds
    #[arg(long, value_name = "MS", value_parser = number::<u64>(1..=86_400_000))]
    pub timeout: Option<u64>,
    /// Lower the limit of fuel, where there is one
    #[arg(long, value_name = "N", value_parser = number::<u64>(1..=u64::MAX))]
    pub fuel: Option<u64>,
    /// Lower the limit of memory, in MiB
    #[arg(long, value_name = "MIB", value_parser = number::<u64>(1..=4096))]
    pub memory: Option<u64>,
    #[command(flatten)]
    pub profile: ProfileArgument,
    #[command(flatten)]
    pub compiling: Compiling,
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE".to_owned()),
    }
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
        means: Means,
    },
    /// Throw away what can be made again and is of no more use
    Gc {
        /// Compiled code and functions of other versions of sesame, and what is over the bound
        #[arg(long, required = true)]
        cache: bool,
        #[command(flatten)]
        functions: FunctionCacheArgument,
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
            Self::Extension { command } => match command {
                ExtensionCommand::Verb(verb) => verb.name(),
                ExtensionCommand::Install(_) => "install",
                ExtensionCommand::List { .. } => "list",
                ExtensionCommand::Info { .. } => "info",
                ExtensionCommand::Remove { .. } => "remove",
                ExtensionCommand::Log { .. } => "log",
                ExtensionCommand::Call(_) => "call",
                ExtensionCommand::Push { .. } => "push",
            },
            Self::Registry { command } => match command {
                RegistryCommand::Login { .. } => "login",
                RegistryCommand::Logout { .. } => "logout",
                RegistryCommand::Check { .. } => "check",
            },
            Self::CompileWorker => Compiler::COMMAND,
        }
    }
}

impl Verb {
    fn name(&self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Lock(_) => "lock",
            Self::Sync(_) => "sync",
            Self::Diff { .. } => "diff",
            Self::Gc { .. } => "gc",
            Self::Schema { .. } => "schema",
            Self::Wit { .. } => "wit",
        }
    }
}

fn version() -> String {
    format!("{} (wasmtime {})", env!("CARGO_PKG_VERSION"), sesame::engine::key::wasmtime_version())
}

const CALL_HELP: &str = "\
A string is printed as it is, anything else as WAVE, and of a `result` what it holds; its error goes to standard error,
with exit status 1. With --json, arguments and result are JSON:
    numbers, strings, bool   the same; `nan`, `inf` and `-inf` as strings
    list, tuple              an array
    record                   an object
    option                   null or the value; {\"some\": value} where the value can be null itself
    result                   {\"ok\": value} or {\"err\": value}
    enum, variant            \"case\", or {\"case\": value}
    flags                    an array of names";

const EXIT_STATUS: &str = "\
Exit status:
    0  done
    1  something differs (--check, diff), the called function returned an error, or a registry does not let us in (check)
    2  the command line is wrong
    3  the called extension trapped or met a limit
   65  a manifest, a lock or something fetched cannot be used
   66  there is no manifest, or no such extension
   69  a registry cannot be reached, or does not have it
   70  a fault of sesame itself
   74  the file system
   76  bytes that do not have their digest, or other answers that cannot be believed
   77  access or a capability is denied, or the live set or a tag is somebody else's
   78  the configuration is wrong
  130  interrupted";
