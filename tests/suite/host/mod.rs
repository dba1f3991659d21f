//! Running extensions.

mod call;
mod embedding;
mod hostile;
mod load;
mod machine_limits;
mod values;
