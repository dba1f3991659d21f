//! Running extensions.

mod call;
mod embedding;
pub mod hostile;
mod load;
mod machine_limits;
mod values;
