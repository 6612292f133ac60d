//! The floor that the ingester is measured against: inflate every gzip file of a folder with
//! libdeflate and take the SHA-256 of the result, with buffers that are used again, on one core.
//!
//! `cargo run --release --example floor -- FOLDER` prints what it did; measure it from outside.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool")]

use std::io::Read as _;
use std::process::ExitCode;

use aws_lc_rs::digest::{SHA256, digest};
use walkdir::WalkDir;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("error: usage: floor FOLDER");
        return ExitCode::from(2);
    };
    let mut decompressor = libdeflater::Decompressor::new();
    let (mut stored, mut inflated) = (Vec::new(), vec![0_u8; 4 << 20]);
    let (mut files, mut bytes, mut check) = (0_u64, 0_u64, 0_u8);
    for entry in WalkDir::new(folder).sort_by_file_name().into_iter().filter_map(Result::ok).filter(|entry| entry.file_type().is_file()) {
        stored.clear();
        let read = std::fs::File::open(entry.path()).and_then(|mut file| file.read_to_end(&mut stored));
        if read.is_err() || !stored.starts_with(&[0x1f, 0x8b]) {
            continue;
        }
        let length = loop {
            match decompressor.gzip_decompress(&stored, &mut inflated) {
                Ok(length) => break length,
                Err(libdeflater::DecompressionError::InsufficientSpace) => inflated.resize(inflated.len() * 2, 0),
                Err(error) => {
                    eprintln!("error: inflate {}: {error}", entry.path().display());
                    return ExitCode::from(2);
                }
            }
        };
        let hash = digest(&SHA256, inflated.get(..length).unwrap_or_default());
        check ^= hash.as_ref().first().copied().unwrap_or_default();
        files += 1;
        bytes += u64::try_from(length).unwrap_or_default();
    }
    println!("{files} files, {bytes} bytes inflated and hashed (check {check:02x})");
    ExitCode::SUCCESS
}
