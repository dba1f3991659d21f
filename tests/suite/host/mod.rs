//! Running extensions.

mod call;
mod hostile;
mod load;
mod machine_limits;
mod values;
