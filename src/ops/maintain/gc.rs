//! `gc`: throws away what nothing needs, and what can be made again and is of no more use here.

use crate::engine::key::engine_keys;
use crate::model::report::maintain::gc::{CacheSizes, GcReport, GcSizes};
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::sync::options::WriteMode;
use crate::store::blobs::Blobs;
use crate::store::code::cache_usage;
use crate::store::integrity::garbage::{self, NeededFiles};
use crate::store::paths::StorePaths;

use super::gc_roots::GcRoots;

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GcScope {
    /// Store and cache.
    Everything,
    /// What can be made again without a network.
    Cache,
}

/// Removes blobs and code that no generation and no lock of a manifest that made one needs, compiled code and functions of
/// other engines than this program's, and of the functions what is over the bound of `context.compiler`.
///
/// # Errors
/// [`Error`] if it cannot be told what is needed, before anything was removed; [`Error::Store`] if something cannot be removed.
pub fn gc(context: &Context, scope: GcScope, mode: WriteMode) -> Result<GcReport, Error> {
    let _guard = (mode == WriteMode::Write).then(|| context.lock_store()).transpose()?;
    let paths = &context.paths;
    let engines = engine_keys(|_| true)?;
    let roots = (scope == GcScope::Everything).then(|| GcRoots::read(paths)).transpose()?;
    let blobs = roots.as_ref().map(|roots| roots.blobs(&Blobs::new(paths)));
    let components = roots.as_ref().map(GcRoots::components);
    let needed = NeededFiles {
        blobs: blobs.as_ref(),
        components: components.as_ref(),
        engines: &engines,
        function_cache: context.compiler.function_cache,
    };
    let garbage = garbage::find(paths, &needed, context.clock.now())?;
    if mode == WriteMode::Write {
        garbage.remove(paths)?;
    }
    let cache = CacheSizes { code: garbage.code.size, functions: garbage.functions.size };
    let removed = GcSizes { blobs: garbage.blobs.size, partial: garbage.partial.size, cache };
    Ok(GcReport { dry_run: mode == WriteMode::Preview, removed, kept: cache_usage::measure_caches(paths)? })
}

/// How large the caches are.
///
/// # Errors
/// [`Error::Store`] if that cannot be told.
pub fn cache_sizes(paths: &StorePaths) -> Result<CacheSizes, Error> {
    Ok(cache_usage::measure_caches(paths)?)
}
