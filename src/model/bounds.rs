//! How large what is read may be. What is larger is refused before it is read whole.

/// The largest manifest or index that is fetched, in bytes.
pub const MAX_OCI_MANIFEST: u64 = 4 << 20;

/// The largest component that is fetched, in bytes. Those of Python and JavaScript have 12 to 40 MiB.
pub const MAX_COMPONENT: u64 = 512 << 20;

/// The largest manifest or lock that is read, in bytes.
pub const MAX_PROJECT_FILE: usize = 16 << 20;

/// The memory that all running guests of a host may hold together unless it is told otherwise, in MiB.
pub const DEFAULT_HOST_MEMORY_MIB: u64 = 1024;
