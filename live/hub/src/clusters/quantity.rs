//! Quantities of Kubernetes (`100m`, `1.5`, `2Gi`, `1e3`) as whole numbers, rounded up as its scheduler does.
//!
//! See `apimachinery/pkg/api/resource/quantity.go` for the notation.

/// Thousandths of what a quantity says; `None` where it is none, negative, or beyond 64 bits.
#[must_use]
pub(crate) fn milli(text: &str) -> Option<u64> {
    scaled(text, 3)
}

/// What a quantity says in whole units; `None` where it is none, negative, or beyond 64 bits.
#[must_use]
pub(crate) fn units(text: &str) -> Option<u64> {
    scaled(text, 0)
}

/// A quantity times ten to the power of `tens`, rounded up.
fn scaled(text: &str, tens: i32) -> Option<u64> {
    let text = text.trim();
    let text = text.strip_prefix('+').unwrap_or(text);
    let end = text.find(|sign: char| !sign.is_ascii_digit() && sign != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let mut value: u128 = 0;
    for digit in whole.bytes().chain(fraction.bytes()) {
        value = value.checked_mul(10)?.checked_add(u128::from(digit - b'0'))?;
    }
    let (twos, more) = factor(suffix)?;
    value = value.checked_mul(1 << twos)?;
    let tens = tens + more - i32::try_from(fraction.len()).ok()?;
    let power = 10_u128.checked_pow(tens.unsigned_abs());
    let value = match (tens >= 0, power) {
        (true, Some(power)) => value.checked_mul(power)?,
        (false, Some(power)) => value.div_ceil(power),
        (true, None) if value > 0 => return None,
        (true | false, None) => u128::from(value > 0),
    };
    u64::try_from(value).ok()
}

/// Which powers of two and of ten a suffix stands for.
fn factor(suffix: &str) -> Option<(u32, i32)> {
    Some(match suffix {
        "" => (0, 0),
        "n" => (0, -9),
        "u" => (0, -6),
        "m" => (0, -3),
        "k" => (0, 3),
        "M" => (0, 6),
        "G" => (0, 9),
        "T" => (0, 12),
        "P" => (0, 15),
        "E" => (0, 18),
        "Ki" => (10, 0),
        "Mi" => (20, 0),
        "Gi" => (30, 0),
        "Ti" => (40, 0),
        "Pi" => (50, 0),
        "Ei" => (60, 0),
        other => {
            let exponent = other.strip_prefix(['e', 'E'])?;
            (0, exponent.parse::<i32>().ok().filter(|exponent| exponent.abs() <= EXPONENT_MAX)?)
        }
    })
}

/// The largest exponent that is looked at.
const EXPONENT_MAX: i32 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_kubernetes_reads_them() {
        let cases = [
            ("0", 0, 0),
            ("100m", 100, 1),
            ("1", 1_000, 1),
            ("1.5", 1_500, 2),
            (".5", 500, 1),
            ("2.", 2_000, 2),
            ("0.0001", 1, 1),
            ("1n", 1, 1),
            ("1500u", 2, 1),
            ("2k", 2_000_000, 2_000),
            ("1e3", 1_000_000, 1_000),
            ("1E3", 1_000_000, 1_000),
            ("5e-1", 500, 1),
            ("1Ki", 1_024_000, 1_024),
            ("0.5Gi", 536_870_912_000, 536_870_912),
            ("7Gi", 7_516_192_768_000, 7_516_192_768),
        ];
        for (text, as_milli, as_units) in cases {
            assert_eq!((milli(text), units(text)), (Some(as_milli), Some(as_units)), "{text}");
        }
        assert_eq!(units("1E"), Some(1_000_000_000_000_000_000));
        for wrong in ["", "-1", "1x", "x", ".", "1.2.3", "1e", "16Ei", "1e65"] {
            assert_eq!(units(wrong), None, "{wrong}");
        }
    }
}
