//! The commands about single extensions and about registries, as clap reads them.

use std::path::PathBuf;

use crate::cli::commands::{ProfileArgument, Verb};
use crate::cli::help::completions::{capabilities, live_names, live_names_and_files};
use crate::cli::options::{Compiling, Means, number};
use clap::{Args, Subcommand};
use clap_complete::{ArgValueCandidates, ArgValueCompleter};
use sesame::model::capability::Grant;
use sesame::model::name::ExtensionName;
use sesame::model::reference::destination::Destination;
use sesame::model::reference::{Named, RegistryHost};
use sesame::model::registries::RegistryPattern;

#[derive(Debug, Clone, Subcommand)]
pub enum ExtensionCommand {
    #[command(flatten)]
    Verb(Verb),
    /// Install an extension, or another revision of it: manifest, lock and live set
    Install(InstallArguments),
    /// List what is live
    #[command(alias = "ls")]
    List {
        #[command(flatten)]
        profile: ProfileArgument,
    },
    /// Show one extension: its world, grants, limits, digests
    Info {
        /// The extension's name
        #[arg(add = ArgValueCandidates::new(live_names))]
        name: ExtensionName,
        #[command(flatten)]
        profile: ProfileArgument,
    },
    /// Show what an extension has printed and logged
    Log {
        /// The extension's name
        #[arg(add = ArgValueCandidates::new(live_names))]
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

#[derive(Debug, Clone, Subcommand)]
pub enum RegistryCommand {
    /// Explain one of these commands
    #[command(hide = true)]
    Help {
        /// Which
        names: Vec<String>,
    },
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

#[derive(Debug, Clone, Args)]
pub struct InstallArguments {
    /// registry/principal/scope[:revision[@provenance]]; without a revision, the newest release
    #[arg(required_unless_present = "from_file", conflicts_with = "from_file")]
    pub reference: Option<Named>,
    /// Copy a component's file beside the manifest and install that
    #[arg(long, value_name = "FILE.wasm")]
    pub from_file: Option<PathBuf>,
    #[command(flatten)]
    pub new: NewArguments,
}

#[derive(Debug, Clone, Args)]
pub struct AddArguments {
    /// registry/principal/scope[:revision[@provenance]]; without a revision, the newest release
    #[arg(required_unless_present = "path", conflicts_with = "path")]
    pub reference: Option<Named>,
    /// A component's file, which stays where it is
    #[arg(long, value_name = "FILE.wasm")]
    pub path: Option<PathBuf>,
    /// Lock it, and leave what is live as it is
    #[arg(long)]
    pub no_sync: bool,
    #[command(flatten)]
    pub new: NewArguments,
}

/// What is said of an extension that is new, wherever it is written.
#[derive(Debug, Clone, Args)]
pub struct NewArguments {
    /// What to call it [default: the last part of the reference, or the file's stem]
    #[arg(long, value_name = "NAME")]
    pub name: Option<ExtensionName>,
    /// Grant a capability, `config-read`, or a part of one, `secret-read=api-token`; may be given several times
    #[arg(long = "grant", value_name = "CAPABILITY", add = ArgValueCandidates::new(capabilities))]
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
pub struct RemoveArguments {
    /// Their names
    #[arg(value_name = "NAME", required = true, add = ArgValueCandidates::new(live_names))]
    pub names: Vec<ExtensionName>,
    /// Lock the rest, and leave what is live as it is
    #[arg(long)]
    pub no_sync: bool,
    #[command(flatten)]
    pub profile: ProfileArgument,
    #[command(flatten)]
    pub means: Means,
}

#[derive(Debug, Clone, Args)]
pub struct CallArguments {
    /// A live extension's name, or a component's file (anything with a `/` or a `.` in it)
    #[arg(value_name = "NAME|FILE.wasm", add = ArgValueCompleter::new(live_names_and_files))]
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
    #[arg(long = "grant", value_name = "CAPABILITY", add = ArgValueCandidates::new(capabilities))]
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
