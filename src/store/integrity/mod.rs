//! Whether the store is what it says: reading all of it again, quarantine for what is wrong, what nothing needs, and whose
//! its folders are. Nothing here repairs: that is for `ops::maintain`.

pub mod fsck;
pub mod garbage;
pub mod quarantine;
pub mod scan;
pub mod store_permissions;
