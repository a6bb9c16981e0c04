//! Text from data on its way to a terminal: what cannot be seen there becomes visible escapes. Files and pipes get every
//! byte as it is.

use segma::error::escaped;
use std::io::{self, Write};

/// A writer that shows what cannot be seen, if it writes to a terminal.
pub(super) struct Visible<W> {
    inner: W,
    is_terminal: bool,
}

impl<W: Write> Visible<W> {
    pub(super) fn new(inner: W, is_terminal: bool) -> Self {
        Self { inner, is_terminal }
    }
}

impl<W: Write> Write for Visible<W> {
    /// Takes all of it at once: what is written is whole characters, as texts are handed over whole.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is_terminal {
            return self.inner.write(bytes);
        }
        for line in String::from_utf8_lossy(bytes).split_inclusive('\n') {
            let text = line.strip_suffix('\n');
            self.inner.write_all(escaped(text.unwrap_or(line)).as_bytes())?;
            self.inner.write_all(if text.is_some() { b"\n" } else { b"" })?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_terminal_gets_escapes() {
        let shown = |is_terminal| {
            let mut out = Visible::new(Vec::new(), is_terminal);
            write!(out, "é\u{1b}[2J,\u{9b}\n\u{202e}x\n").unwrap();
            String::from_utf8(out.inner).unwrap()
        };
        assert_eq!(shown(true), "é\\u{1b}[2J,\\u{9b}\n\\u{202e}x\n");
        assert_eq!(shown(false), "é\u{1b}[2J,\u{9b}\n\u{202e}x\n");
    }
}
