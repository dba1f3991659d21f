//! Arguments that several commands share, as clap reads them.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use clap_complete::ArgValueCandidates;

use super::completion_candidates::profiles;
use sesame::compiler::settings::CompilerSettings;
use sesame::model::name::ProfileName;

/// The options of every command.
#[derive(Debug, Args)]
pub struct GlobalOptions {
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
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

/// Which active set a command is about.
#[derive(Debug, Clone, Args)]
pub struct ProfileOption {
    /// Which live set [default: the manifest's, or `default`]
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(profiles))]
    pub profile: Option<ProfileName>,
}

/// The answer to the question that a command asks before it changes anything.
#[derive(Debug, Clone, Args)]
pub struct ConfirmOption {
    /// Do it without asking
    #[arg(long, short = 'y')]
    pub yes: bool,
}

/// How many fetches go on at once, where nothing else is said.
const JOBS: usize = 16;

/// What a command may use: the network, threads, the compiler.
#[derive(Debug, Clone, Args)]
pub struct ResourceOptions {
    /// Ask nobody; OCI layouts on this machine still serve
    #[arg(long)]
    pub offline: bool,
    /// How many fetches go on at once; of one host never more than 6, or 16 over HTTP/2
    #[arg(long, value_name = "N", default_value_t = JOBS, value_parser = number::<usize>(1..=64))]
    pub jobs: usize,
    #[command(flatten)]
    pub compile: CompileOptions,
}

#[derive(Debug, Clone, Args)]
pub struct CompileOptions {
    /// The most seconds that compiling one component may take, from 1 to 86400
    #[arg(long, value_name = "SECONDS", default_value_t = CompilerSettings::TIMEOUT, hide_short_help = true,
        value_parser = number::<u64>(1..=86_400))]
    pub compile_timeout: u64,
    /// The most memory that the compiler may take, in MiB, from 256 to 1048576
    #[arg(long, value_name = "MIB", default_value_t = CompilerSettings::MEMORY, hide_short_help = true,
        value_parser = number::<u64>(256..=1_048_576))]
    pub compile_memory: u64,
    #[command(flatten)]
    pub functions: FunctionCacheOption,
}

#[derive(Debug, Clone, Args)]
pub struct FunctionCacheOption {
    /// How much is kept of compiled functions for later components, in MiB, at most 1048576; 0 for nothing
    #[arg(long, value_name = "MIB", default_value_t = CompilerSettings::FUNCTION_CACHE, hide_short_help = true,
        value_parser = number::<u64>(0..=1_048_576))]
    pub function_cache: u64,
}

impl Default for ResourceOptions {
    fn default() -> Self {
        Self { offline: false, jobs: JOBS, compile: CompileOptions::default() }
    }
}

impl Default for CompileOptions {
    fn default() -> Self {
        Self {
            compile_timeout: CompilerSettings::TIMEOUT,
            compile_memory: CompilerSettings::MEMORY,
            functions: FunctionCacheOption { function_cache: CompilerSettings::FUNCTION_CACHE },
        }
    }
}

impl CompileOptions {
    /// The compiler of this program, within these bounds.
    pub fn compiler(&self, program: PathBuf) -> CompilerSettings {
        CompilerSettings {
            timeout: Duration::from_secs(self.compile_timeout),
            memory: self.compile_memory << 20,
            function_cache: self.functions.function_cache << 20,
            ..CompilerSettings::of_program(program)
        }
    }
}

/// Reads a whole number of a range, and says the range if it is none.
pub fn number<T: TryFrom<u64>>(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let number =
            text.parse().ok().filter(|number| range.contains(number)).and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| format!("write a whole number from {} to {}", range.start(), range.end()))
    }
}

/// Reads `KEY=VALUE`.
pub fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE".to_owned()),
    }
}
