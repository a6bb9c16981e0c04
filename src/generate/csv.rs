//! A block as lines of CSV. No cell needs quotes, and none would start a formula.

use super::block::{Block, PLANS, REGIONS, Unit, unit};

/// The lines of a block; the names of the groups if their column is wanted.
pub(super) fn text(block: &Block, truth: Option<&Vec<String>>) -> Vec<u8> {
    let mut text = Vec::with_capacity(block.rows() * (32 + 8 * block.numbers.len()));
    for row in 0..block.rows() {
        push_id(&mut text, block.first + row as u64 + 1);
        for (j, column) in block.numbers.iter().enumerate() {
            text.push(b',');
            if let Some(number) = column[row] {
                push_number(&mut text, number, unit(j));
            }
        }
        let group = truth.map(|names| names[block.groups[row]].as_str());
        for name in [PLANS[block.plans[row]], REGIONS[block.regions[row]]].into_iter().chain(group) {
            text.push(b',');
            text.extend_from_slice(name.as_bytes());
        }
        text.push(b'\n');
    }
    text
}

fn push_id(text: &mut Vec<u8>, number: u64) {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(number);
    text.push(b'C');
    text.extend_from_slice(&b"000000"[digits.len().min(6)..]);
    text.extend_from_slice(digits.as_bytes());
}

/// A number that is not below 0.
fn push_number(text: &mut Vec<u8>, number: i64, unit: Unit) {
    let mut digits = itoa::Buffer::new();
    match unit {
        Unit::Whole => text.extend_from_slice(digits.format(number).as_bytes()),
        Unit::Hundredths => {
            text.extend_from_slice(digits.format(number / 100).as_bytes());
            text.push(b'.');
            // From 100 on, so that both digits are there.
            text.extend_from_slice(&digits.format(100 + number % 100).as_bytes()[1..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_decimals() {
        for (number, whole, hundredths) in
            [(0, "0", "0.00"), (7, "7", "0.07"), (100, "100", "1.00"), (123_450, "123450", "1234.50")]
        {
            for (unit, expected) in [(Unit::Whole, whole), (Unit::Hundredths, hundredths)] {
                let mut text = Vec::new();
                push_number(&mut text, number, unit);
                assert_eq!(String::from_utf8(text).unwrap(), expected);
            }
        }
    }

    #[test]
    fn ids_have_at_least_six_digits() {
        for (number, expected) in [(1, "C000001"), (999_999, "C999999"), (12_345_678, "C12345678")] {
            let mut text = Vec::new();
            push_id(&mut text, number);
            assert_eq!(String::from_utf8(text).unwrap(), expected);
        }
    }
}
