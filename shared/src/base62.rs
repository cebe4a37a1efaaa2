//! Numbers of fixed width in the digits `0-9A-Za-z`.

/// In ASCII order, so that texts of the same width sort in the order of their numbers.
pub const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The last digits of a number: all of it, if it is less than 62 to the power of `WIDTH`.
pub fn encode<const WIDTH: usize>(mut number: u64) -> String {
    let mut digits = ['0'; WIDTH];
    for digit in digits.iter_mut().rev() {
        *digit = char::from(ALPHABET[usize::try_from(number % 62).unwrap_or_default()]);
        number /= 62;
    }
    digits.iter().collect()
}

/// The number of these digits, at most ten of them; none if one is not a digit.
pub fn decode(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, byte| {
        let digit = ALPHABET.binary_search(byte).ok()?;
        Some(number * 62 + u64::try_from(digit).ok()?)
    })
}
