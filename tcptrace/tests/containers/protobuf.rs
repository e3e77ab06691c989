//! As much of protobuf as a request and its answer take: fields of text, numbers and messages.

/// A message, as it is written.
#[derive(Clone, Debug, Default)]
pub struct Message(Vec<u8>);

impl Message {
    pub fn new() -> Self {
        Self::default()
    }

    /// With a text.
    pub fn text(self, field: u32, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    /// With another message.
    pub fn message(self, field: u32, it: Self) -> Self {
        self.bytes(field, &it.0)
    }

    /// With a number.
    pub fn number(mut self, field: u32, number: u64) -> Self {
        self.varint(u64::from(field) << 3);
        self.varint(number);
        self
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn bytes(mut self, field: u32, bytes: &[u8]) -> Self {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }
}

/// The text of the first field of a message that has no other before it.
pub fn first_text(message: &[u8]) -> String {
    let [0x0a, length, text @ ..] = message else {
        panic!("no text: {message:?}");
    };
    let text = &text[..usize::from(*length)];
    String::from_utf8(text.to_vec()).expect("UTF-8")
}
