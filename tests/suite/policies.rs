//! Where this machine lets extensions come from.
