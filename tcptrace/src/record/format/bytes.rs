//! Numbers and texts, as bytes.

/// What no recording of this version has in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// It goes on behind the end of its block.
    #[error("an entry goes on behind the end of its block")]
    Short,
    /// Not a value of that field.
    #[error("{field} is {value}, which it can't be")]
    Value {
        /// The field.
        field: &'static str,
        /// What it says.
        value: u64,
    },
    /// It refers to something that was not said in its block.
    #[error("it refers to {0} that was not told before")]
    Untold(&'static str),
}

impl FormatError {
    pub(super) fn value(field: &'static str, value: impl Into<u64>) -> Self {
        let value = value.into();
        Self::Value { field, value }
    }
}

/// Appends numbers and texts.
pub(super) trait Put {
    fn byte(&mut self, byte: u8);
    fn bytes(&mut self, bytes: &[u8]);

    /// Seven bits a byte, the lowest first; all but the last have the highest bit set (LEB128).
    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.byte(value as u8);
    }

    /// How far a number is from another one: small distances in either direction are short.
    fn distance(&mut self, from: u64, to: u64) {
        let distance = to.wrapping_sub(from) as i64;
        self.number((distance.wrapping_shl(1) ^ (distance >> 63)) as u64);
    }

    /// 0 for `None`, else one more than the number.
    fn option(&mut self, value: Option<u64>) {
        self.number(value.map_or(0, |value| value.wrapping_add(1)));
    }

    fn text(&mut self, text: &[u8]) {
        self.number(text.len() as u64);
        self.bytes(text);
    }
}

impl Put for Vec<u8> {
    fn byte(&mut self, byte: u8) {
        self.push(byte);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Reads them back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> Result<u8, FormatError> {
        let (first, rest) = self.0.split_first().ok_or(FormatError::Short)?;
        self.0 = rest;
        Ok(*first)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let (first, rest) = self.0.split_first_chunk().ok_or(FormatError::Short)?;
        self.0 = rest;
        Ok(*first)
    }

    pub fn number(&mut self) -> Result<u64, FormatError> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(first.into());
        }
        let mut value = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(FormatError::value("a number", u64::MAX))
    }

    /// A number that fits into a smaller type.
    pub fn small<T: TryFrom<u64>>(&mut self, field: &'static str) -> Result<T, FormatError> {
        let value = self.number()?;
        T::try_from(value).map_err(|_| FormatError::value(field, value))
    }

    pub fn distance(&mut self, from: u64) -> Result<u64, FormatError> {
        let folded = self.number()?;
        let distance = (folded >> 1) as i64 ^ -((folded & 1) as i64);
        Ok(from.wrapping_add(distance as u64))
    }

    pub fn option(&mut self) -> Result<Option<u64>, FormatError> {
        Ok(self.number()?.checked_sub(1))
    }

    pub fn text(&mut self) -> Result<&'a [u8], FormatError> {
        let length = self.small::<usize>("a length")?;
        let (text, rest) = self.0.split_at_checked(length).ok_or(FormatError::Short)?;
        self.0 = rest;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_were_written() {
        let numbers = [
            0,
            1,
            127,
            128,
            300,
            u64::from(u32::MAX),
            u64::MAX - 1,
            u64::MAX,
        ];
        let mut bytes = Vec::new();
        for number in numbers {
            bytes.number(number);
            bytes.distance(numbers[3], number);
            bytes.option(Some(number).filter(|it| *it != u64::MAX));
        }
        let mut read = Bytes(&bytes);
        for number in numbers {
            assert_eq!(read.number(), Ok(number));
            assert_eq!(read.distance(numbers[3]), Ok(number));
            assert_eq!(read.option(), Ok(Some(number).filter(|it| *it != u64::MAX)));
        }
        assert!(read.is_empty());
    }

    #[test]
    fn what_is_no_number_is_refused() {
        assert_eq!(Bytes(&[0x80]).number(), Err(FormatError::Short));
        let too_long = [0xff; 11];
        assert!(Bytes(&too_long).number().is_err());
        let too_large = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert!(Bytes(&too_large).number().is_err());
        assert_eq!(Bytes(&[5, 1]).text(), Err(FormatError::Short));
    }
}
