//! `gc`: throws away what can be made again and is of no more use here.

use super::context::Context;
use super::error::Error;
use crate::engine::key::engine_keys;
use crate::model::cache_report::{CacheSizes, GcReport};
use crate::store::cache;
use crate::store::paths::StorePaths;

/// Removes compiled code and functions of other engines than this program's, and of the functions what is over the bound of
/// `context.compiler`.
///
/// # Errors
/// [`Error::Store`] if something cannot be removed.
pub fn clean_cache(context: &Context) -> Result<GcReport, Error> {
    let _guard = context.guard()?;
    let engines = engine_keys(|_| true)?;
    let removed = cache::clean(&context.paths, &engines, context.compiler.functions)?;
    Ok(GcReport { removed, kept: cache::sizes(&context.paths)? })
}

/// How large the caches are.
///
/// # Errors
/// [`Error::Store`] if that cannot be told.
pub fn sizes(paths: &StorePaths) -> Result<CacheSizes, Error> {
    Ok(cache::sizes(paths)?)
}
