//! The header of a .npy file: what it claims, held against the file.
//!
//! `npyz` parses the header text, but it multiplies the shape unchecked and its parser recurses into brackets, so the
//! text is bounded before it gets there. The size claimed is compared with the length of the file before anything is
//! allocated for it.

use crate::error::{Error, Place, Result};
use npyz::{DType, NpyHeader, Order};
use std::io::{self, Read};

/// Longest header text in bytes, which is NumPy's own limit.
const LONGEST: usize = 10_000;

/// Deepest nesting of brackets; a plain array has 2, and one more for each level of a structured type.
const DEEPEST: usize = 8;

const MAGIC: &[u8] = b"\x93NUMPY";

/// A 2-D array of floats that the file is long enough for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Rows.
    pub(super) rows: usize,
    /// Columns; at least one.
    pub(super) columns: usize,
    /// Whether a column, not a row, is contiguous.
    pub(super) fortran: bool,
    /// How a number is stored.
    pub(super) element: Element,
}

/// How a number is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    /// 4 bytes, least significant first.
    F4Little,
    /// 4 bytes, most significant first.
    F4Big,
    /// 8 bytes, least significant first.
    F8Little,
    /// 8 bytes, most significant first.
    F8Big,
}

impl Element {
    fn named(dtype: &DType) -> Option<Self> {
        match dtype.descr().trim_matches('\'') {
            "<f4" => Some(Self::F4Little),
            ">f4" => Some(Self::F4Big),
            "<f8" => Some(Self::F8Little),
            ">f8" => Some(Self::F8Big),
            _ => None,
        }
    }

    fn bytes(self) -> u64 {
        match self {
            Self::F4Little | Self::F4Big => 4,
            Self::F8Little | Self::F8Big => 8,
        }
    }
}

impl Header {
    /// Reads the header of a file of `length` bytes and leaves the reader at the first number.
    pub(super) fn read(reader: &mut impl Read, length: u64, source: &str) -> Result<Self> {
        let refuse = |message: String, hint: &str| Error::data(Place::file(source), message, hint);
        let bytes = bytes(reader, source)?;
        let header = NpyHeader::from_reader(&bytes[..])
            .map_err(|e| refuse(format!("the .npy header is damaged: {}", first_line(&e)), "save the array again"))?;
        let (rows, columns) = two_dimensions(header.shape(), source)?;
        let Some(element) = Element::named(&header.dtype()) else {
            let message = format!("the array's type is {}, not float32 or float64", header.dtype().descr());
            return Err(refuse(message, "save it as floats: numpy.save(path, x.astype('float32'))"));
        };
        held(&[rows, columns, element.bytes()], length.saturating_sub(bytes.len() as u64), source)?;
        let size = |n: u64| usize::try_from(n).map_err(|e| refuse(format!("dimension {n}: {e}"), ""));
        let fortran = header.order() == Order::Fortran;
        Ok(Self { rows: size(rows)?, columns: size(columns)?, fortran, element })
    }

    /// Numbers in the array.
    pub(super) fn numbers(&self) -> usize {
        self.rows * self.columns
    }
}

/// The bytes of a header that is safe to parse.
pub(super) fn bytes(reader: &mut impl Read, source: &str) -> Result<Vec<u8>> {
    let refuse = |message: &str, hint: &str| Error::data(Place::file(source), message, hint);
    let ends = |e: io::Error| match e.kind() {
        io::ErrorKind::UnexpectedEof => {
            refuse("the .npy file ends inside its header", "it is truncated; copy it again")
        }
        _ => super::super::unreadable(source, &e),
    };
    let mut bytes = Vec::new();
    reader.take(8).read_to_end(&mut bytes).map_err(ends)?;
    if !bytes.starts_with(MAGIC) {
        let message = if bytes.is_empty() { "file is empty" } else { "this is not an .npy file" };
        return Err(refuse(message, "write it with numpy.save, or name a CSV file with the ending .csv"));
    }
    let mut size = [0; 4];
    let width = if bytes.get(6) == Some(&1) { 2 } else { 4 };
    reader.read_exact(&mut size[..width]).map_err(ends)?;
    let length = usize::try_from(u32::from_le_bytes(size)).unwrap_or(usize::MAX);
    if length > LONGEST {
        return Err(refuse("the .npy header is over 10000 bytes", "save a plain 2-D array of floats"));
    }
    bytes.extend_from_slice(&size[..width]);
    let text = bytes.len();
    bytes.resize(text + length, 0);
    reader.read_exact(&mut bytes[text..]).map_err(ends)?;
    if !tame(&bytes[text..]) {
        return Err(refuse("the .npy header is damaged", "save a plain 2-D array of floats"));
    }
    Ok(bytes)
}

/// Whether a header text is safe to parse: brackets not deep, no escapes and no sums, and every number a plain one,
/// with a product (which bounds the shape's) that fits.
fn tame(text: &[u8]) -> bool {
    let mut depth = 0_usize;
    for byte in text {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'\\' | b'+' | b'-' => return false,
            _ => {}
        }
        if depth > DEEPEST {
            return false;
        }
    }
    text.split(|b| !b.is_ascii_alphanumeric() && *b != b'_')
        .filter(|word| word.first().is_some_and(u8::is_ascii_digit))
        .try_fold(1_u64, |product, word| {
            let number: u64 = std::str::from_utf8(word).ok()?.parse().ok()?;
            product.checked_mul(number.max(1))
        })
        .is_some()
}

fn two_dimensions(shape: &[u64], source: &str) -> Result<(u64, u64)> {
    let refuse = |message: String, hint: &str| Err(Error::data(Place::file(source), message, hint));
    match *shape {
        [_, 0] => refuse("the array has no columns".to_owned(), "save an array of rows x columns"),
        [rows, columns] => Ok((rows, columns)),
        [_] => refuse("the array is 1-D".to_owned(), "for one column, save x.reshape(-1, 1)"),
        _ => refuse(format!("the array is {}-D", shape.len()), "save a 2-D array of rows x columns"),
    }
}

/// Refuses a file that does not hold exactly the bytes its header claims.
pub(super) fn held(claim: &[u64; 3], holds: u64, source: &str) -> Result<()> {
    let [rows, columns, size] = *claim;
    let claims = u128::from(rows).checked_mul(u128::from(columns)).and_then(|n| n.checked_mul(u128::from(size)));
    let shape = format!("the header's shape ({rows}, {columns}) takes");
    let (message, hint) = match claims {
        Some(claims) if claims == u128::from(holds) => return Ok(()),
        Some(claims) if claims < u128::from(holds) => {
            (format!("{shape} {claims} bytes, but the file holds {holds}"), "save one array to a file")
        }
        Some(claims) => (
            format!("{shape} {claims} bytes, but the file holds {holds}"),
            "the file is truncated or its header is wrong; save or copy it again",
        ),
        None => (format!("{shape} more bytes than can be counted"), "the header is wrong; save the array again"),
    };
    Err(Error::data(Place::file(source), message, hint))
}

pub(super) fn first_line(error: &io::Error) -> String {
    crate::error::printable(error.to_string().lines().next().unwrap_or_default())
}
