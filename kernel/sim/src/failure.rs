//! Failures on request: every place where core asks the machine for memory can be made to fail.

/// Which requests for memory are refused.
#[derive(Clone, Debug, Default)]
pub struct Failures {
    /// Requests since the machine exists.
    pub asked: u64,
    /// Refuse exactly this request, counted as `asked` counts.
    pub nth: Option<u64>,
    /// Refuse one request in so many, at random; 0: none.
    pub one_in: u32,
    /// Requests refused.
    pub refused: u64,
    state: u64,
}

impl Failures {
    /// Whether the request that comes now is refused.
    pub fn refuses(&mut self) -> bool {
        let number = self.asked;
        self.asked += 1;
        let mut refused = self.nth == Some(number);
        if self.one_in > 0 {
            // An own generator: failures do not change what the machine's random numbers are.
            self.state =
                self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(number | 1);
            refused |= ((self.state >> 33) as u32).is_multiple_of(self.one_in);
        }
        self.refused += u64::from(refused);
        refused
    }
}
