//! Event files that TensorBoard reads: scalars by step, framed and checked as TensorFlow does.
//!
//! A file is a row of records, each `length: u64, masked crc32c of it, bytes, masked crc32c of
//! them`, little-endian (tensorflow/core/lib/io/record_writer.h). The bytes are one `Event` message
//! (tensorflow/core/util/event.proto), of which four fields are needed and written by hand.

use super::event::TrainEvent;
use crate::checkpoint::crc32c::Crc32c;
use std::io::{self, Write};

/// Writes scalars for TensorBoard. The name of its file must contain `tfevents`, and by custom is
/// [`file_name`](Self::file_name). Wall time is in seconds since 1970 and comes from the caller.
#[derive(Debug)]
pub struct EventFile<W: Write> {
    writer: W,
}

impl EventFile<Vec<u8>> {
    /// `events.out.tfevents.<seconds>.promopt`.
    #[must_use]
    pub fn file_name(wall_seconds: u64) -> String {
        format!("events.out.tfevents.{wall_seconds:010}.promopt")
    }
}

impl<W: Write> EventFile<W> {
    /// Starts a file; give the writer a buffer.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn new(writer: W, wall_seconds: f64) -> io::Result<Self> {
        let mut file = Self { writer };
        let mut event = Message::default();
        event.double(1, wall_seconds);
        event.bytes(3, b"brain.Event:2");
        file.record(&event.0)?;
        Ok(file)
    }

    /// Writes one value, rounded to `f32`; `tag` is its name, with groups before a `/`.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn scalar(
        &mut self,
        tag: &str,
        step: u64,
        value: f64,
        wall_seconds: f64,
    ) -> io::Result<()> {
        let mut scalar = Message::default();
        scalar.bytes(1, tag.as_bytes());
        scalar.float(2, value as f32);
        let mut summary = Message::default();
        summary.bytes(1, &scalar.0);
        let mut event = Message::default();
        event.double(1, wall_seconds);
        event.varint(2, step);
        event.bytes(5, &summary.0);
        self.record(&event.0)
    }

    /// Writes the figures of a training event.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&mut self, event: &TrainEvent, wall_seconds: f64) -> io::Result<()> {
        let mut put = |tag: &str, value| self.scalar(tag, event.step(), value, wall_seconds);
        match *event {
            TrainEvent::Episode { episode_return, length, .. } => {
                put("episode/return", episode_return)?;
                put("episode/length", f64::from(length))
            }
            TrainEvent::Update { metrics, .. } => {
                put("update/loss", metrics.loss)?;
                put("update/mean_q", metrics.mean_q)?;
                put("update/epsilon", metrics.epsilon)?;
                put("update/gradient_norm", metrics.gradient_norm)?;
                put("update/learning_rate", metrics.learning_rate)
            }
            TrainEvent::Evaluation { score, .. } => {
                put("evaluation/mean", score.mean)?;
                put("evaluation/low", score.low)?;
                put("evaluation/high", score.high)
            }
            TrainEvent::Checkpoint { .. } => Ok(()),
        }
    }

    /// Hands the writer back, flushed.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.writer.flush()?;
        Ok(self.writer)
    }

    fn record(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = (bytes.len() as u64).to_le_bytes();
        self.writer.write_all(&length)?;
        self.writer.write_all(&masked_crc(&length))?;
        self.writer.write_all(bytes)?;
        self.writer.write_all(&masked_crc(bytes))
    }
}

/// A checksum that stays one when it is stored inside what is checksummed.
fn masked_crc(bytes: &[u8]) -> [u8; 4] {
    let crc = Crc32c::new().with(bytes).finish();
    crc.rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// A protocol-buffers message: keys are `field << 3 | kind`.
#[derive(Debug, Default)]
struct Message(Vec<u8>);

impl Message {
    fn key(&mut self, field: u8, kind: u8) {
        self.0.push(field << 3 | kind);
    }

    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn varint(&mut self, field: u8, value: u64) {
        self.key(field, 0);
        self.number(value);
    }

    fn double(&mut self, field: u8, value: f64) {
        self.key(field, 1);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u8, bytes: &[u8]) {
        self.key(field, 2);
        self.number(bytes.len() as u64);
        self.0.extend(bytes);
    }

    fn float(&mut self, field: u8, value: f32) {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Splits a file into the bytes of its records and checks both checksums of each.
    fn records(mut file: &[u8]) -> Vec<&[u8]> {
        let mut records = Vec::new();
        while !file.is_empty() {
            let (length, rest) = file.split_at(8);
            let n = u64::from_le_bytes(length.try_into().expect("eight bytes")) as usize;
            assert_eq!(rest[..4], masked_crc(length));
            assert_eq!(rest[4 + n..8 + n], masked_crc(&rest[4..4 + n]));
            records.push(&rest[4..4 + n]);
            file = &rest[8 + n..];
        }
        records
    }

    /// Fields of a message: number, kind and raw value.
    fn fields(mut message: &[u8]) -> Vec<(u8, u8, Vec<u8>)> {
        let mut fields = Vec::new();
        while let Some((&key, mut rest)) = message.split_first() {
            let (field, kind) = (key >> 3, key & 7);
            let n = match kind {
                1 => 8,
                5 => 4,
                _ => {
                    let end = rest.iter().position(|byte| byte & 0x80 == 0).expect("it ends");
                    let number = rest[..=end].iter().rev();
                    let number = number.fold(0_u64, |n, byte| n << 7 | u64::from(byte & 0x7f));
                    rest = &rest[end + 1..];
                    if kind == 0 {
                        fields.push((field, kind, number.to_le_bytes().to_vec()));
                        message = rest;
                        continue;
                    }
                    number as usize
                }
            };
            fields.push((field, kind, rest[..n].to_vec()));
            message = &rest[n..];
        }
        fields
    }

    #[test]
    fn what_was_written_is_read_again() -> io::Result<()> {
        let mut file = EventFile::new(Vec::new(), 12.5)?;
        file.scalar("episode/return", 300, -1.25, 13.0)?;
        file.scalar("b", u64::MAX, 2.0, 14.0)?;
        let bytes = file.finish()?;
        let records = records(&bytes);
        assert_eq!(records.len(), 3);
        let version = (3, 2, b"brain.Event:2".to_vec());
        assert_eq!(fields(records[0]), [(1, 1, 12.5_f64.to_le_bytes().to_vec()), version]);
        let event = fields(records[1]);
        assert_eq!(event[0], (1, 1, 13.0_f64.to_le_bytes().to_vec()));
        assert_eq!(event[1], (2, 0, 300_u64.to_le_bytes().to_vec()));
        let summary = fields(&event[2].2);
        assert_eq!((event[2].0, summary[0].0), (5, 1));
        let tag = (1, 2, b"episode/return".to_vec());
        let value = (2, 5, (-1.25_f32).to_le_bytes().to_vec());
        assert_eq!(fields(&summary[0].2), [tag, value]);
        assert_eq!(fields(records[2])[1].2, u64::MAX.to_le_bytes());
        Ok(())
    }

    #[test]
    fn a_file_starts_as_tensorflows_own_do() -> io::Result<()> {
        // The first 12 bytes of any event file with an 24-byte version record: its length and the
        // checksum that TensorFlow writes for it.
        let bytes = EventFile::new(Vec::new(), 0.0)?.finish()?;
        assert_eq!(bytes[..8], 24_u64.to_le_bytes());
        assert_eq!(bytes[8..12], [0xa3, 0x7f, 0x4b, 0x22]);
        Ok(())
    }
}
