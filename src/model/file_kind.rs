//! What the first bytes of a file say that it is.
//!
//! Only a component may be compiled (invariant 2: only components are compiled); everything else is refused by its own name.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The first bytes of every component: the wasm magic number, version 13, layer 1
/// (<https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md>).
pub const COMPONENT_PREAMBLE: [u8; 8] = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00];

/// How many bytes [`FileKind::of`] wants to see. Fewer are enough for all but tar.
pub const SNIFF_LENGTH: usize = 512;

/// A kind of file, told by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileKind {
    Component,
    CoreModule,
    /// A wasm binary that is neither of the two: another version of the component format.
    OtherWasm,
    /// An ELF file: a native program, or code that wasmtime compiled (a cwasm is one).
    Elf,
    Tar,
    Gzip,
    Zstd,
    Zip,
    /// WebAssembly text: a component or module that was not turned into bytes.
    Wat,
    Text,
    Empty,
    Unknown,
}

impl FileKind {
    /// Tells from the first bytes of a file, at best [`SNIFF_LENGTH`] of them.
    pub fn of(start: &[u8]) -> Self {
        match start {
            [] => Self::Empty,
            _ if start.starts_with(&COMPONENT_PREAMBLE) => Self::Component,
            [0x00, b'a', b's', b'm', 1, 0, 0, 0, ..] => Self::CoreModule,
            [0x00, b'a', b's', b'm', ..] => Self::OtherWasm,
            [0x7f, b'E', b'L', b'F', ..] => Self::Elf,
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [b'P', b'K', 3 | 5, 4 | 6, ..] => Self::Zip,
            _ if start.get(257..262) == Some(b"ustar") => Self::Tar,
            _ if is_text(start) => match start.trim_ascii_start() {
                [b'(', b'c' | b'm', b'o', ..] => Self::Wat,
                _ => Self::Text,
            },
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Component => "a component",
            Self::CoreModule => "a core WebAssembly module, not a component",
            Self::OtherWasm => "WebAssembly of a version that is not supported",
            Self::Elf => "an ELF file: native or already compiled code (cwasm), not a component",
            Self::Tar => "a tar archive, not a component",
            Self::Gzip => "gzip-compressed, not a component",
            Self::Zstd => "zstd-compressed, not a component",
            Self::Zip => "a zip archive, not a component",
            Self::Wat => "WebAssembly text, not a component's bytes",
            Self::Text => "text, not a component",
            Self::Empty => "empty",
            Self::Unknown => "not a component, nor anything else that is known",
        })
    }
}

fn is_text(start: &[u8]) -> bool {
    let valid = match std::str::from_utf8(start) {
        Ok(_) => start.len(),
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Err(_) => return false,
    };
    start[..valid].iter().all(|b| *b >= b' ' || matches!(b, b'\n' | b'\r' | b'\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_by_its_bytes() {
        let mut tar = vec![b'x'; 512];
        tar[100] = 0;
        tar[257..262].copy_from_slice(b"ustar");
        let rows: [(&[u8], FileKind); 11] = [
            (&COMPONENT_PREAMBLE, FileKind::Component),
            (b"\0asm\x01\0\0\0\x01", FileKind::CoreModule),
            (b"\0asm\x0c\0\x01\0", FileKind::OtherWasm),
            (b"\x7fELF\x02", FileKind::Elf),
            (&tar, FileKind::Tar),
            (b"\x1f\x8b\x08", FileKind::Gzip),
            (b"PK\x03\x04", FileKind::Zip),
            (b"(component)", FileKind::Wat),
            (b"<html>", FileKind::Text),
            (b"", FileKind::Empty),
            (b"\x01\x02\xff", FileKind::Unknown),
        ];
        for (bytes, kind) in rows {
            assert_eq!(FileKind::of(bytes), kind, "{bytes:?}");
        }
    }
}
