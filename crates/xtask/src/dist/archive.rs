//! Archives whose bytes depend on nothing but the files in them and one time.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Datelike as _, Timelike as _, Utc};
use flate2::{Compression, GzBuilder};
use zip::write::SimpleFileOptions;

use crate::failure::{Context as _, Result};

/// A file that goes into an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path in the archive, with `/` between folders.
    pub path: String,
    /// Where it lies now.
    pub source: PathBuf,
    /// Whether it is a program.
    pub is_program: bool,
}

impl Entry {
    fn mode(&self) -> u32 {
        if self.is_program { 0o755 } else { 0o644 }
    }
}

/// Writes an archive: a zip if it is called so, else a gzipped tar. All files are root's and have the same time.
pub fn write(archive: &Path, entries: &[Entry], time: DateTime<Utc>) -> Result<()> {
    let mut entries = entries.to_vec();
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    let file = File::create(archive).cannot_at("create", archive)?;
    if archive.extension().is_some_and(|extension| extension == "zip") {
        write_zip(file, &entries, time)
    } else {
        write_tar(file, &entries, time)
    }
}

/// Compresses as `gzip -n9` does: no name and no time.
pub fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut writer = GzBuilder::new().write(Vec::new(), Compression::best());
    writer.write_all(bytes).cannot("compress")?;
    writer.finish().cannot("compress")
}

fn write_tar(file: File, entries: &[Entry], time: DateTime<Utc>) -> Result<()> {
    let seconds = u64::try_from(time.timestamp()).cannot("write a time before 1970")?;
    let compressed = GzBuilder::new().write(file, Compression::best());
    let mut tar = tar::Builder::new(compressed);
    for entry in entries {
        let bytes = std::fs::read(&entry.source).cannot_at("read", &entry.source)?;
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(bytes.len() as u64);
        header.set_mode(entry.mode());
        header.set_mtime(seconds);
        header.set_uid(0);
        header.set_gid(0);
        tar.append_data(&mut header, &entry.path, bytes.as_slice())
            .cannot(format_args!("pack {}", entry.path))?;
    }
    let compressed = tar.into_inner().cannot("end the archive")?;
    compressed.finish().cannot("end the archive")?.flush().cannot("end the archive")
}

fn write_zip(file: File, entries: &[Entry], time: DateTime<Utc>) -> Result<()> {
    let part = |value: u32| u8::try_from(value).cannot("write a time into a zip");
    let year = u16::try_from(time.year()).cannot("write a time into a zip")?;
    let time = zip::DateTime::from_date_and_time(
        year,
        part(time.month())?,
        part(time.day())?,
        part(time.hour())?,
        part(time.minute())?,
        part(time.second())?,
    )
    .cannot("write a time into a zip")?;
    let mut zip = zip::ZipWriter::new(file);
    for entry in entries {
        let bytes = std::fs::read(&entry.source).cannot_at("read", &entry.source)?;
        let options = SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .compression_level(Some(9))
            .last_modified_time(time)
            .unix_permissions(entry.mode());
        zip.start_file(&entry.path, options).cannot(format_args!("pack {}", entry.path))?;
        zip.write_all(&bytes).cannot(format_args!("pack {}", entry.path))?;
    }
    zip.finish().cannot("end the archive")?.flush().cannot("end the archive")
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    fn time() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_253_026, 0).unwrap()
    }

    /// A program and a file below a folder; `order` says which is named first.
    fn entries(folder: &Path, is_reversed: bool) -> Vec<Entry> {
        let entry = |path: &str, text: &str, is_program| {
            let source = folder.join(path.replace('/', "-"));
            std::fs::write(&source, text).unwrap();
            Entry { path: path.to_owned(), source, is_program }
        };
        let mut entries = vec![entry("program", "run me", true), entry("man/program.1", ".TH", false)];
        if is_reversed {
            entries.reverse();
        }
        entries
    }

    #[test]
    fn the_bytes_depend_on_neither_order_nor_place_nor_the_files_own_times() {
        for name in ["one.tar.gz", "one.zip"] {
            let pack = |is_reversed| {
                let folder = tempfile::tempdir().unwrap();
                let archive = folder.path().join(name);
                write(&archive, &entries(folder.path(), is_reversed), time()).unwrap();
                std::fs::read(archive).unwrap()
            };
            assert!(pack(false) == pack(true), "{name}");
        }
    }

    #[test]
    fn a_tar_holds_files_of_root_with_modes_and_the_given_time() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("one.tar.gz");
        write(&archive, &entries(folder.path(), false), time()).unwrap();
        let mut tar = tar::Archive::new(GzDecoder::new(File::open(archive).unwrap()));
        let files: Vec<_> = tar
            .entries()
            .unwrap()
            .map(|file| {
                let mut file = file.unwrap();
                let mut text = String::new();
                file.read_to_string(&mut text).unwrap();
                let header = file.header();
                let owner = (header.uid().unwrap(), header.gid().unwrap());
                let (mode, time) = (header.mode().unwrap(), header.mtime().unwrap());
                (file.path().unwrap().display().to_string(), text, mode, time, owner)
            })
            .collect();
        let file =
            |path: &str, text: &str, mode| (path.to_owned(), text.to_owned(), mode, 1_795_253_026, (0, 0));
        assert_eq!(files, [file("man/program.1", ".TH", 0o644), file("program", "run me", 0o755)]);
    }

    #[test]
    fn a_zip_holds_files_with_modes_and_the_given_time() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("one.zip");
        write(&archive, &entries(folder.path(), false), time()).unwrap();
        let mut zip = zip::ZipArchive::new(File::open(archive).unwrap()).unwrap();
        let files: Vec<_> = (0..zip.len())
            .map(|index| {
                let mut file = zip.by_index(index).unwrap();
                let mut text = String::new();
                file.read_to_string(&mut text).unwrap();
                let mode = file.unix_mode().unwrap() & 0o777;
                (file.name().unwrap().into_owned(), text, mode, file.last_modified().unwrap().to_string())
            })
            .collect();
        let file = |path: &str, text: &str, mode| {
            (path.to_owned(), text.to_owned(), mode, "2026-11-21 09:23:46".to_owned())
        };
        assert_eq!(files, [file("man/program.1", ".TH", 0o644), file("program", "run me", 0o755)]);
    }

    #[test]
    fn gzip_writes_neither_name_nor_time() {
        let bytes = gzip(b".TH").unwrap();
        // RFC 1952 §2.3: flags, then four bytes of time.
        assert_eq!(bytes[3..8], [0; 5]);
    }
}
