//! Whether the store is what it says: reading all of it again, quarantine for what is wrong, what nothing needs, and whose
//! its folders are. What is repaired, and when, is decided by `ops::maintain`.

pub mod fsck;
pub mod garbage;
pub mod quarantine;
pub mod scan;
pub mod store_permissions;
