use crate::cli::Options;
use crate::population::Population;
use crate::sources::Sources;
use anyhow::Context;
use std::io::{BufWriter, Write};

/// Writes the info hashes of the load's torrents to the standard output.
pub(crate) fn write(options: &Options) -> anyhow::Result<()> {
    let target = options.addresses().next().context("--target names no tracker")?;
    let population = Population::new(options, Sources::new(options, target).count());
    let mut out = BufWriter::new(std::io::stdout().lock());
    for info_hash in population.info_hashes() {
        for byte in info_hash.0 {
            write!(out, "{byte:02x}").context(UNWRITABLE)?;
        }
        writeln!(out).context(UNWRITABLE)?;
    }
    out.flush().context(UNWRITABLE)
}

const UNWRITABLE: &str = "the standard output cannot be written";
