//! Times and counts.

mod figures;
mod instructions;
