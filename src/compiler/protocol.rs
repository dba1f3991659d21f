//! What a compiling worker and whoever started it say to each other: frames of a JSON header and bytes.
//!
//! ```text
//! length of the header (4 bytes), length of the payload (8 bytes), both little-endian; the header; the payload
//! ```

use std::ffi::OsString;
use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::model::digest::Digest;
use crate::model::engine_key::{EngineKey, Metering};
use crate::model::report::warning::Warning;

use super::inspection::{ComponentError, Inspection};

/// The largest header in bytes.
const MAX_HEADER: u32 = 64 << 20;

/// The largest payload in bytes: code can be larger than the component that it is made from.
const MAX_PAYLOAD: u64 = 8 << 30;

/// To the worker. The first one is `Begin`.
#[derive(Debug, Serialize, Deserialize)]
pub enum Request {
    Configure {
        /// The folders of the cache and of the key, which need not be text.
        cache: OsString,
        state: OsString,
        /// The most bytes of memory.
        memory: u64,
        /// The bound of the function cache in bytes; without one nothing is kept.
        functions: u64,
    },
    /// Validate the component in the payload, or compile the one of this digest, and say what it is.
    Process { number: u64, compile: Option<(Digest, EngineKey, Metering)> },
    /// File what the function cache got; nothing comes after that.
    End,
}

/// From the worker.
#[derive(Debug, Serialize, Deserialize)]
pub enum Reply {
    /// A component has its turn.
    Started {
        number: u64,
    },
    /// The payload is the compiled code, if it was asked for.
    Processed {
        number: u64,
        result: Result<Inspection, ComponentError>,
    },
    Ended(EndReport),
}

/// What a worker says when it ends.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct EndReport {
    pub functions: Vec<FunctionCacheProblem>,
    /// Why seccomp could not be applied to the worker.
    pub unconfined: Option<String>,
}

/// Why the function cache does not have all that it could.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FunctionCacheProblem {
    /// Some of it was damaged, and is dropped.
    Damaged,
    /// Nothing new is kept, and why.
    NotKept(String),
    /// There is no room for more than so many bytes at a time.
    Full(u64),
}

impl EndReport {
    pub fn into_warnings(self) -> Vec<Warning> {
        let functions = self.functions.into_iter().map(|problem| match problem {
            FunctionCacheProblem::Damaged => Warning::FunctionsDamaged,
            FunctionCacheProblem::NotKept(why) => Warning::FunctionsNotKept { why },
            FunctionCacheProblem::Full(limit) => Warning::FunctionCacheFull { limit },
        });
        functions.chain(self.unconfined.map(|why| Warning::CompilerUnconfined { why })).collect()
    }
}

pub fn write_frame(output: &mut impl Write, header: &impl Serialize, payload: &[u8]) -> io::Result<()> {
    let header = serde_json::to_vec(header)?;
    let length = u32::try_from(header.len()).map_err(io::Error::other)?;
    output.write_all(&length.to_le_bytes())?;
    output.write_all(&(payload.len() as u64).to_le_bytes())?;
    output.write_all(&header)?;
    output.write_all(payload)?;
    output.flush()
}

/// The next frame; none at the end. Memory is taken only for bytes that really come.
pub fn read_frame<T: DeserializeOwned>(input: &mut impl Read) -> io::Result<Option<(T, Vec<u8>)>> {
    let mut header = [0; 4];
    match input.read_exact(&mut header) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut payload = [0; 8];
    input.read_exact(&mut payload)?;
    let (header, payload) = (u32::from_le_bytes(header), u64::from_le_bytes(payload));
    if header > MAX_HEADER || payload > MAX_PAYLOAD {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame is too large"));
    }
    let header = read_bytes(input, u64::from(header))?;
    let payload = read_bytes(input, payload)?;
    Ok(Some((serde_json::from_slice(&header)?, payload)))
}

fn read_bytes(input: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(length).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_as_they_went_in_and_cut_ones_do_not() {
        let mut bytes = Vec::new();
        write_frame(&mut bytes, &Request::End, b"payload").unwrap();
        write_frame(&mut bytes, &Request::End, b"").unwrap();
        let mut input = bytes.as_slice();
        assert!(matches!(read_frame(&mut input), Ok(Some((Request::End, payload))) if payload == b"payload"));
        assert!(matches!(read_frame(&mut input), Ok(Some((Request::End, payload))) if payload.is_empty()));
        assert!(matches!(read_frame::<Request>(&mut input), Ok(None)));
        for cut in 4..24 {
            assert!(read_frame::<Request>(&mut &bytes[..cut]).is_err(), "{cut}");
        }
        let huge = [&5_u32.to_le_bytes()[..], &u64::MAX.to_le_bytes(), b"\"End\""].concat();
        assert!(read_frame::<Request>(&mut huge.as_slice()).is_err());
    }
}
