//! Times and counts.

mod release_figures;
mod instructions;
