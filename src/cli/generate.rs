//! `segma generate`: a made-up customer table of any size.

use super::args::{FormatArg, GenerateArgs};
use super::output::OneFile;
use super::progress::Teller;
use super::summary::grouped;
use super::{print, print_document};
use segma::error::{Error, Result, escaped, suggestion};
use segma::generate::{Customers, Options};
use segma::watch::{Far, Unit};
use serde_json::json;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Runs the verb.
pub(super) fn generate(args: &GenerateArgs) -> Result<()> {
    let to_stdout = args.file == Path::new("-");
    let format = format(args, to_stdout)?;
    let customers = Customers::new(options(args))?;
    let output = (!to_stdout).then(|| OneFile::create(&args.file, args.force)).transpose()?;
    let mut teller = Teller::new(&args.shared);
    teller.step("generating");
    match output {
        Some(file) => file.write(|out| write(&customers, format, out, args, &teller))?,
        None => {
            let mut out = BufWriter::new(io::stdout());
            match write(&customers, format, &mut out, args, &teller) {
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
                done => done.map_err(|e| Error::output("standard output".as_ref(), e))?,
            }
        }
    }
    teller.finish([]);
    if to_stdout { Ok(()) } else { report(args, format, &customers) }
}

fn options(args: &GenerateArgs) -> Options {
    Options { rows: args.rows, groups: args.groups, features: args.features, seed: args.seed, truth: args.truth }
}

/// The format asked for, else the one that the file's ending says.
fn format(args: &GenerateArgs, to_stdout: bool) -> Result<FormatArg> {
    if to_stdout && args.shared.json {
        let message = "--json prints a document where - puts the table; name a file instead";
        return Err(Error::Usage(message.into()));
    }
    if let Some(format) = args.format {
        return Ok(format);
    }
    match FormatArg::by_ending(&args.file) {
        Some(format) => Ok(format),
        None if to_stdout => Ok(FormatArg::Csv),
        None => {
            let ending = args.file.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
            let near =
                suggestion(&ending, ["csv", "parquet"]).map_or(String::new(), |e| format!("; did you mean .{e}?"));
            let file = escaped(&args.file.to_string_lossy());
            Err(Error::Usage(format!("{file}: the ending must be .csv, .parquet or .pq, or give --format{near}")))
        }
    }
}

fn write(
    customers: &Customers,
    format: FormatArg,
    out: impl Write + Send,
    args: &GenerateArgs,
    teller: &Teller,
) -> io::Result<()> {
    let watch = teller.watch();
    let told = |done| watch.tell(Far { done, of: args.rows, unit: Unit::Rows });
    match format {
        FormatArg::Csv => customers.write_csv(out, told),
        FormatArg::Parquet => customers.write_parquet(out, told),
    }
}

/// What was written where.
fn report(args: &GenerateArgs, format: FormatArg, customers: &Customers) -> Result<()> {
    let columns = customers.columns();
    if args.shared.json {
        let document = json!({
            "schema": "segma.generate/1",
            "output": args.file.to_string_lossy(),
            "format": format.name(),
            "rows": args.rows,
            "groups": args.groups,
            "columns": columns,
            "seed": args.seed,
        });
        return print_document(document);
    }
    if args.shared.quiet {
        return Ok(());
    }
    let (file, rows) = (escaped(&args.file.to_string_lossy()), grouped(args.rows));
    print(&format!(
        "Wrote {file}: {rows} customers x {} columns, {} groups, seed {}\n",
        columns.len(),
        args.groups,
        args.seed
    ))
}
