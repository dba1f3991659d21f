//! Times and counts.

mod instructions;
mod release_figures;
