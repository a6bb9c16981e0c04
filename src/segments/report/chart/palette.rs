//! Colours that a colour-blind reader tells apart, and the second way to tell: numbers, shapes and hatching.

/// Okabe and Ito's colours ("Color Universal Design", 2008), the pale ones last.
const COLOURS: [&str; 8] = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#4D4D4D", "#C9B900"];

/// What is not one segment: everyone, tracks, the rest.
pub(crate) const NEUTRAL: &str = "#8A94A0";

/// The colour of a segment. After eight they come again, with another shape and hatched.
pub(crate) fn colour(segment: usize) -> &'static str {
    COLOURS[segment % COLOURS.len()]
}

/// Whether a segment's areas are hatched.
pub(crate) fn hatched(segment: usize) -> bool {
    segment >= COLOURS.len()
}

/// A segment's shape, as path data around the origin of about radius 1. With the colour it is unlike that of any other of the
/// first 32 segments.
pub(crate) fn shape(segment: usize) -> [(f64, f64); 4] {
    match (segment + segment / COLOURS.len()) % 4 {
        0 => [(-0.8, -0.8), (1.6, 0.0), (0.0, 1.6), (-1.6, 0.0)],
        1 => [(0.0, -1.15), (1.15, 2.0), (-2.3, 0.0), (0.0, 0.0)],
        2 => [(0.0, -1.2), (1.2, 1.2), (-1.2, 1.2), (-1.2, -1.2)],
        _ => [(0.0, 1.15), (1.15, -2.0), (-2.3, 0.0), (0.0, 0.0)],
    }
}

/// From far below average (blue) over white to far above (orange): an effect of two standard deviations is full colour.
pub(crate) fn diverging(effect: f64) -> String {
    const LOW: [f64; 3] = [75.0, 141.0, 201.0];
    const HIGH: [f64; 3] = [232.0, 138.0, 44.0];
    let part = if effect.is_nan() { 0.0 } else { (effect / 2.0).clamp(-1.0, 1.0) };
    let end = if part < 0.0 { LOW } else { HIGH };
    let channel = |i: usize| 255.0 + (end[i] - 255.0) * part.abs();
    format!("#{}{}{}", hex(channel(0)), hex(channel(1)), hex(channel(2)))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 255")]
fn hex(channel: f64) -> String {
    format!("{:02X}", channel.round() as u8)
}

/// The fill of one of a few levels, from dark to light, and whether text on it is white.
pub(crate) fn level(index: usize) -> (&'static str, bool) {
    const LEVELS: [(&str, bool); 7] = [
        ("#0B4F6C", true),
        ("#3E8AA8", true),
        ("#8EC1D3", false),
        ("#CFE4EC", false),
        ("#F3D9B1", false),
        ("#E3B26B", false),
        ("#D5D9DE", false),
    ];
    LEVELS[index.min(LEVELS.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_segments_look_alike() {
        let looks: Vec<String> = (0..32).map(|s| format!("{}{:?}", colour(s), shape(s))).collect();
        assert!((0..32).all(|a| (0..a).all(|b| looks[a] != looks[b])));
    }

    #[test]
    fn average_is_white_and_the_ends_are_full() {
        assert_eq!(
            [-9.0, -2.0, 0.0, 2.0, f64::NAN].map(diverging),
            ["#4B8DC9", "#4B8DC9", "#FFFFFF", "#E88A2C", "#FFFFFF"]
        );
    }
}
