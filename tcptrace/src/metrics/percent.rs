//! Bytes as addresses and settings have them: `%XX`.

/// What is percent-encoded; `None`: it is not well, or what comes of it is not UTF-8.
#[must_use]
pub fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |it: u8| char::from(it).to_digit(16);
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn two_hexadecimal_digits_stand_for_a_byte_and_nothing_else_does() {
        assert_eq!(decoded("a%40b%C3%a4").as_deref(), Some("a@bä"));
        for wrong in ["%", "%4", "%zz", "%+4", "%ff"] {
            assert_eq!(decoded(wrong), None, "{wrong}");
        }
    }
}
