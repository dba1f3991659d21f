//! The words for what is kept of compiling.

use sesame::model::cache_report::{CacheSizes, GcReport};
use sesame::model::functions::FunctionCounts;
use sesame::model::text::{count, size};

use super::human::Style;

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

/// What `gc` did.
pub fn gc(report: &GcReport) -> String {
    let done = Style::good("done:");
    let kept = match report.kept == CacheSizes::default() {
        true => "the cache is empty".to_owned(),
        false => format!("kept {}", cache_sizes(&report.kept)),
    };
    if report.removed == CacheSizes::default() {
        return format!("{done} nothing to remove; {kept}\n");
    }
    format!("{done} removed {}; {kept}\n", cache_sizes(&report.removed))
}

fn cache_sizes(sizes: &CacheSizes) -> String {
    format!("{} of compiled code, {} of compiled functions", size(sizes.code.bytes), size(sizes.functions.bytes))
}
