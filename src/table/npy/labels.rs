//! Labels from a .npy file: a 1-D array of whole numbers.

use super::header::{self, first_line};
use crate::error::{Error, Place, Result};
use npyz::NpyHeader;
use std::io::Read;
use std::path::Path;

/// Reads labels: a 1-D array of u32, i32 or i64. Any whole numbers will do; they are numbered from 0 in ascending order, and
/// the second value is how many there are.
///
/// # Errors
/// [`Error::Data`] for anything else, and for a file that does not hold what its header claims.
pub fn npy_labels(path: &Path) -> Result<(Vec<u32>, usize)> {
    let (mut file, length) = super::super::open(path)?;
    let source = path.display().to_string();
    let values = values(&mut file, length, &source)?;
    let mut distinct = values.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let number = |value: &i64| u32::try_from(distinct.partition_point(|d| d < value));
    let labels = values.iter().map(number).collect::<std::result::Result<_, _>>();
    let labels = labels.map_err(|e| Error::data(Place::file(&source), format!("too many labels: {e}"), ""))?;
    Ok((labels, distinct.len()))
}

/// A label from its bytes.
type Value = fn(&[u8]) -> Option<i64>;

fn values(reader: &mut impl Read, length: u64, source: &str) -> Result<Vec<i64>> {
    let refuse = |message: String, hint: &str| Error::data(Place::file(source), message, hint);
    let bytes = header::bytes(reader, source)?;
    let header = NpyHeader::from_reader(&bytes[..])
        .map_err(|e| refuse(format!("the .npy header is damaged: {}", first_line(&e)), "save the array again"))?;
    let &[count] = header.shape() else {
        let message = format!("labels are a 1-D array; this one is {}-D", header.shape().len());
        return Err(refuse(message, "save one label for each row"));
    };
    let (width, value): (usize, Value) = match header.dtype().descr().trim_matches('\'') {
        "<u4" => (4, |b| Some(u32::from_le_bytes(b.try_into().ok()?).into())),
        "<i4" => (4, |b| Some(i32::from_le_bytes(b.try_into().ok()?).into())),
        "<i8" => (8, |b| Some(i64::from_le_bytes(b.try_into().ok()?))),
        other => {
            let message = format!("the array's type is {other}, not uint32, int32 or int64");
            return Err(refuse(message, "save it as whole numbers: numpy.save(path, labels.astype('uint32'))"));
        }
    };
    header::held(&[count, 1, width as u64], length.saturating_sub(bytes.len() as u64), source)?;
    let mut numbers = Vec::new();
    reader.read_to_end(&mut numbers).map_err(|e| super::super::unreadable(source, &e))?;
    let values = numbers.chunks_exact(width).map(value);
    values.collect::<Option<_>>().ok_or_else(|| refuse("the labels end early".into(), "save the array again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A .npy file of one kind of number.
    fn file(descr: &str, shape: &str, numbers: &[u8]) -> Vec<u8> {
        let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
        text.push_str(&" ".repeat(127 - 10 - text.len()));
        text.push('\n');
        let length = u16::try_from(text.len()).unwrap().to_le_bytes();
        [b"\x93NUMPY\x01\x00", length.as_slice(), text.as_bytes(), numbers].concat()
    }

    fn read(bytes: &[u8]) -> Result<(Vec<u32>, usize)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("l.npy");
        std::fs::write(&path, bytes).unwrap();
        npy_labels(&path)
    }

    #[test]
    fn whole_numbers_of_three_kinds_are_read_and_numbered() {
        let words = |numbers: [i32; 4]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
        assert_eq!(read(&file("<u4", "(4,)", &words([5, 2, 5, 9]))).unwrap(), (vec![1, 0, 1, 2], 3));
        assert_eq!(read(&file("<i4", "(4,)", &words([-1, 2, 2, -7]))).unwrap(), (vec![1, 2, 2, 0], 3));
        let long: Vec<u8> = [1i64 << 40, -3].iter().flat_map(|n| n.to_le_bytes()).collect();
        assert_eq!(read(&file("<i8", "(2,)", &long)).unwrap(), (vec![1, 0], 2));
    }

    #[test]
    fn what_is_no_list_of_labels_is_refused() {
        for (bytes, message) in [
            (file("<f4", "(1,)", &[0; 4]), "not uint32, int32 or int64"),
            (file("<u4", "(2, 2)", &[0; 16]), "this one is 2-D"),
            (file("<u4", "(3,)", &[0; 8]), "but the file holds 8"),
            (b"label\n1\n".to_vec(), "not an .npy file"),
        ] {
            assert!(read(&bytes).unwrap_err().to_string().contains(message), "{message}");
        }
    }
}
