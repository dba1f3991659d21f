//! Chance that can be had again: the same seed gives the same numbers.

/// Numbers that look like chance and are the same in every run.
pub struct SeededRng(pub u64);

impl SeededRng {
    /// A number below a bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        for shift in [13, -7, 17] {
            self.0 ^= if shift > 0 { self.0 << shift } else { self.0 >> -shift };
        }
        self.0 % bound
    }
}
