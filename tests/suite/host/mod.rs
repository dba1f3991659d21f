//! Running extensions.

mod call;
mod hostile;
mod load;
mod machine;
mod values;
