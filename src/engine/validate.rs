//! Whether bytes are a valid component under some features: its sections, and on all cores the bodies of its functions.

use rayon::prelude::*;
use wasmparser::types::Types;
use wasmparser::{
    BinaryReaderError, FuncToValidate, FuncValidatorAllocations, FunctionBody, Parser, ValidPayload, Validator,
    ValidatorResources, WasmFeatures,
};

/// Whether bytes are a valid component under some features.
pub(crate) fn validate(bytes: &[u8], features: WasmFeatures) -> Result<(), BinaryReaderError> {
    PartlyValidated::read(bytes, features)?.validated().map(drop)
}

/// A component whose sections are valid, and the bodies of functions that are still to be.
pub(crate) struct PartlyValidated<'a> {
    /// None only if there is no end, which is an error before.
    pub(crate) types: Option<Types>,
    bodies: Vec<(FuncToValidate<ValidatorResources>, FunctionBody<'a>)>,
}

impl<'a> PartlyValidated<'a> {
    pub(crate) fn read(bytes: &'a [u8], features: WasmFeatures) -> Result<Self, BinaryReaderError> {
        let mut validator = Validator::new_with_features(features);
        let (mut bodies, mut types) = (Vec::new(), None);
        for payload in Parser::new(0).parse_all(bytes) {
            match validator.payload(&payload?)? {
                ValidPayload::Func(function, body) => bodies.push((function, body)),
                // The last one is that of the component itself.
                ValidPayload::End(ended) => types = Some(ended),
                _ => {}
            }
        }
        Ok(Self { types, bodies })
    }

    /// Validates the bodies on the rayon pool that it is called from.
    pub(crate) fn validated(mut self) -> Result<Self, BinaryReaderError> {
        validate_bodies(std::mem::take(&mut self.bodies))?;
        Ok(self)
    }
}

pub(crate) fn validate_bodies(
    bodies: Vec<(FuncToValidate<ValidatorResources>, FunctionBody<'_>)>,
) -> Result<(), BinaryReaderError> {
    bodies.into_par_iter().try_for_each_init(FuncValidatorAllocations::default, |allocations, (function, body)| {
        let mut validator = function.into_validator(std::mem::take(allocations));
        validator.validate(&body)?;
        *allocations = validator.into_allocations();
        Ok(())
    })
}
