//! The host of the desktop, against a real bus, keyring, display and notification service. The tests need programs, so they are
//! ignored and `.ci/run` runs them.

mod backends;
mod calls;
mod changes;
mod crashes;
mod desktop;
mod hostile;
