//! Damaged copies of sound files, for tests that a reader answers anything with a table or an error.

/// Calls `test` with `count` damaged copies of the seeds, always the same ones: bytes flipped, set, inserted, removed
/// and cut off.
pub(super) fn each(seeds: &[&[u8]], count: usize, mut test: impl FnMut(&[u8])) {
    let mut random = Random(0x5EED);
    for round in 0..count {
        let mut bytes = seeds[round % seeds.len()].to_vec();
        for _ in 0..=random.below(3) {
            damage(&mut bytes, &mut random);
        }
        test(&bytes);
    }
}

fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    const NASTY: &[u8] = b"\"\"\",;\n\r\0\xff\xc3\xe2\xef 09-eE.([{'\\";
    let at = random.below(bytes.len() + 1);
    let nasty = NASTY[random.below(NASTY.len())];
    match (random.below(5), bytes.get_mut(at)) {
        (0, Some(byte)) => *byte ^= 1 << random.below(8),
        (1, Some(byte)) => *byte = nasty,
        (2, Some(_)) => drop(bytes.remove(at)),
        (3, Some(_)) => bytes.truncate(at),
        _ => bytes.insert(at, nasty),
    }
}

/// Knuth's linear congruential generator (MMIX), its upper half.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}
