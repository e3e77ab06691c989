//! How large the ring buffer is, as a user writes it: `512K`, `8M`, `1G`.

use std::ops::RangeInclusive;

/// What it may be, in bytes.
const RANGE: RangeInclusive<u64> = 1 << 14..=1 << 30;

/// Not a size that the ring buffer can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it takes a size from 16K to 1G, as in 512K, 8M or 1G")]
pub struct BufferSizeError;

/// Reads a size: bytes, rounded up to a power of two, which is all that the kernel takes. K, M
/// and G are of 1024.
///
/// # Errors
/// [`BufferSizeError`] for anything else.
pub fn buffer_size(given: &str) -> Result<u32, BufferSizeError> {
    parse_size::Config::new()
        .with_binary()
        .parse_size(given)
        .ok()
        .filter(|size| RANGE.contains(size))
        .and_then(|size| u32::try_from(size.next_power_of_two()).ok())
        .ok_or(BufferSizeError)
}

#[cfg(test)]
mod tests {
    use super::buffer_size;

    #[test]
    fn sizes_are_rounded_up_to_what_the_kernel_takes() {
        assert_eq!(buffer_size("16K"), Ok(1 << 14));
        assert_eq!(buffer_size("8M"), Ok(8 << 20));
        assert_eq!(buffer_size("9M"), Ok(16 << 20));
        assert_eq!(buffer_size("1G"), Ok(1 << 30));
        for wrong in ["", "0", "16383", "2G", "-1", "8X", "99999999999G"] {
            assert!(buffer_size(wrong).is_err(), "{wrong}");
        }
    }
}
