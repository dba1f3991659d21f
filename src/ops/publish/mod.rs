//! For authors of extensions: publishing, logging in, the interfaces of the host; and manual pages for packagers.

pub mod completions;
pub mod drawing;
pub mod login;
pub mod man_pages;
pub mod push;
pub mod wit;
