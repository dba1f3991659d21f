//! What commands may use to make things so, as clap reads it: networks, threads, the compiler.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use sesame::compiler::settings::CompilerSettings;

/// How many fetches go on at once, where nothing else is said.
const JOBS: usize = 16;

/// What a command may use to make things so.
#[derive(Debug, Clone, Args)]
pub struct Means {
    /// Ask nobody; OCI layouts on this machine still serve
    #[arg(long)]
    pub offline: bool,
    /// How many fetches go on at once; of one host never more than 6, or 16 over HTTP/2
    #[arg(long, value_name = "N", default_value_t = JOBS, value_parser = number::<usize>(1..=64))]
    pub jobs: usize,
    #[command(flatten)]
    pub compiling: Compiling,
}

#[derive(Debug, Clone, Args)]
pub struct Compiling {
    /// The most seconds that compiling one component may take, from 1 to 86400
    #[arg(long, value_name = "SECONDS", default_value_t = CompilerSettings::TIMEOUT, hide_short_help = true,
        value_parser = number::<u64>(1..=86_400))]
    pub compile_timeout: u64,
    /// The most memory that the compiler may take, in MiB, from 256 to 1048576
    #[arg(long, value_name = "MIB", default_value_t = CompilerSettings::MEMORY, hide_short_help = true,
        value_parser = number::<u64>(256..=1_048_576))]
    pub compile_memory: u64,
    #[command(flatten)]
    pub functions: FunctionCacheArgument,
}

#[derive(Debug, Clone, Args)]
pub struct FunctionCacheArgument {
    /// How much is kept of compiled functions for later components, in MiB, at most 1048576; 0 for nothing
    #[arg(long, value_name = "MIB", default_value_t = CompilerSettings::FUNCTIONS, hide_short_help = true,
        value_parser = number::<u64>(0..=1_048_576))]
    pub function_cache: u64,
}

impl Default for Means {
    fn default() -> Self {
        Self { offline: false, jobs: JOBS, compiling: Compiling::default() }
    }
}

impl Default for Compiling {
    fn default() -> Self {
        Self {
            compile_timeout: CompilerSettings::TIMEOUT,
            compile_memory: CompilerSettings::MEMORY,
            functions: FunctionCacheArgument { function_cache: CompilerSettings::FUNCTIONS },
        }
    }
}

impl Compiling {
    /// The compiler of this program, within these bounds.
    pub fn compiler(&self, program: PathBuf) -> CompilerSettings {
        CompilerSettings {
            timeout: Duration::from_secs(self.compile_timeout),
            memory: self.compile_memory << 20,
            functions: self.functions.function_cache << 20,
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
