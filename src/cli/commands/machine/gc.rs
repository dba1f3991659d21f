//! The words for what is kept of compiling.

use crate::cli::render::lock_changes::Style;
use sesame::model::function_cache::FunctionCounts;
use sesame::model::report::cache::{CacheSizes, GcReport, GcSizes};
use sesame::model::text::{count, size};

/// What the caches hold, and how much that helped.
pub fn caches(sizes: &CacheSizes, functions: Option<FunctionCounts>) -> String {
    let helped = functions.map_or_else(String::new, |counts| {
        format!(
            "; {} % of {} were found",
            counts.percent(),
            count((counts.found + counts.compiled) as usize, "function")
        )
    });
    format!("cache: {}{helped}\n", cache_sizes(sizes))
}

/// What `gc` did, or would do.
pub fn gc(report: &GcReport) -> String {
    let GcSizes { blobs, partial, cache } = report.removed;
    let parts = [
        (blobs, "of blobs"),
        (partial, "of unfinished downloads"),
        (cache.code, "of compiled code"),
        (cache.functions, "of compiled functions"),
    ];
    let parts = parts.into_iter().filter(|(found, _)| found.files > 0);
    let parts: Vec<String> = parts.map(|(found, what)| format!("{} {what}", size(found.bytes))).collect();
    let outcome = if report.dry_run { Style::warning("would remove") } else { Style::good("removed") };
    if parts.is_empty() {
        return format!("{} nothing to remove\n", Style::good("up to date:"));
    }
    format!("{outcome} {}\n", parts.join(", "))
}

fn cache_sizes(sizes: &CacheSizes) -> String {
    format!("{} of compiled code, {} of compiled functions", size(sizes.code.bytes), size(sizes.functions.bytes))
}
