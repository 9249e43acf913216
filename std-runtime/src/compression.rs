//! The codecs lent to core: gzip, snappy and lz4 by libraries written in Rust, zstd by its own in C.
//!
//! Every output is bounded by the list it goes to: a small input cannot blow up.

use std::io::{Read, Write};

use millpond_core::bounded::list::List;
use millpond_core::record::codec::{Codec, CodecError, Compression};

/// The head of Kafka's snappy framing: a magic, a version and the oldest version that can read it. Source: xerial's snappy-java.
const SNAPPY_HEADER: [u8; 16] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
/// How much is compressed in one go. Source: `SnappyOutputStream`'s block size.
const SNAPPY_BLOCK_SIZE: usize = 32 * 1024;

/// How much zstd unfolds in one go. Unit: bytes; the most that a block of it holds.
const ZSTD_BLOCK_SIZE: usize = 128 * 1024;
/// As Kafka's producers compress. Source: `compression.zstd.level`.
const ZSTD_LEVEL: i32 = 3;

/// All codecs of Kafka.
#[derive(Default)]
pub struct Codecs {
    /// Made when it is first needed: it is dear, and can be used again.
    zstd: Option<zstd_safe::DCtx<'static>>,
}

impl core::fmt::Debug for Codecs {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Codecs").finish_non_exhaustive()
    }
}

impl Codec for Codecs {
    fn decompress(&mut self, compression: Compression, input: &[u8], output: &mut List<'_, u8>) -> Result<(), CodecError> {
        let corrupt = CodecError::Corrupt(compression);
        match compression {
            Compression::None => Bounded::new(output).put(input),
            Compression::Gzip => drain(flate2::read::MultiGzDecoder::new(input), output, corrupt),
            Compression::Lz4 => drain(lz4_flex::frame::FrameDecoder::new(input), output, corrupt),
            Compression::Zstd => decompress_zstd(self.zstd.get_or_insert_with(zstd_safe::DCtx::create), input, output),
            Compression::Snappy => decompress_snappy(input, output),
        }
    }

    fn compress(&mut self, compression: Compression, input: &[u8], output: &mut List<'_, u8>) -> Result<(), CodecError> {
        let full = CodecError::OutputFull { limit: output.capacity() };
        let target = Bounded::new(output);
        match compression {
            Compression::None => {
                let mut target = target;
                target.put(input)
            }
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(target, flate2::Compression::default());
                encoder.write_all(input).and_then(|()| encoder.finish().map(drop)).map_err(|_| full)
            }
            Compression::Lz4 => {
                // Kafka's readers want independent blocks of 64 KiB. Source: `Lz4BlockOutputStream`.
                let info = lz4_flex::frame::FrameInfo::new()
                    .block_size(lz4_flex::frame::BlockSize::Max64KB)
                    .block_mode(lz4_flex::frame::BlockMode::Independent);
                let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, target);
                encoder.write_all(input).map_err(|_| full)?;
                encoder.finish().map(drop).map_err(|_| full)
            }
            Compression::Zstd => {
                let mut packed = Vec::with_capacity(zstd_safe::compress_bound(input.len()));
                zstd_safe::compress(&mut packed, input, ZSTD_LEVEL).map_err(|_| full)?;
                let mut target = target;
                target.put(&packed)
            }
            Compression::Snappy => compress_snappy(input, target),
        }
    }
}

/// Writes behind what a list holds, and fails at its end.
struct Bounded<'l, 'm> {
    list: &'l mut List<'m, u8>,
}

impl<'l, 'm> Bounded<'l, 'm> {
    const fn new(list: &'l mut List<'m, u8>) -> Self {
        Self { list }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), CodecError> {
        let limit = self.list.capacity();
        self.list.extend_from_slice(bytes).map_err(|_| CodecError::OutputFull { limit })
    }
}

impl Write for Bounded<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.put(bytes).map_err(std::io::Error::other)?;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Copies what a decoder yields, piece by piece, so that the bound holds however much that would be.
fn drain(mut decoder: impl Read, output: &mut List<'_, u8>, corrupt: CodecError) -> Result<(), CodecError> {
    let mut target = Bounded::new(output);
    let mut piece = [0u8; 8 * 1024];
    loop {
        let size = decoder.read(&mut piece).map_err(|_| corrupt)?;
        if size == 0 {
            return Ok(());
        }
        target.put(piece.get(..size).unwrap_or_default())?;
    }
}

/// Zstandard, one frame or several. The output grows by what has really come, whatever a frame says of its size.
fn decompress_zstd(context: &mut zstd_safe::DCtx<'_>, input: &[u8], output: &mut List<'_, u8>) -> Result<(), CodecError> {
    let corrupt = CodecError::Corrupt(Compression::Zstd);
    let limit = output.capacity();
    context.reset(zstd_safe::ResetDirective::SessionOnly).map_err(|_| corrupt)?;
    let mut source = zstd_safe::InBuffer::around(input);
    loop {
        let start = output.len();
        output.fill_to(limit.min(start + ZSTD_BLOCK_SIZE), 0).map_err(|_| CodecError::OutputFull { limit })?;
        let mut target = zstd_safe::OutBuffer::around(output.get_mut(start..).unwrap_or_default());
        let more = context.decompress_stream(&mut target, &mut source).map_err(|_| corrupt)?;
        let size = target.pos();
        let is_full = size == target.capacity();
        output.truncate(start + size);
        let is_read = source.pos() == input.len();
        match (more, is_read) {
            (0, true) => return Ok(()),
            // Without room there may still be the end of a frame to be read, and nothing else.
            (1.., _) if start == limit => return Err(CodecError::OutputFull { limit }),
            // All was read, there is room, and still the frame is not done: it was cut off.
            (_, true) if !is_full => return Err(corrupt),
            _ => {}
        }
    }
}

/// Snappy in Kafka's framing, or bare, as some clients write it.
fn decompress_snappy(input: &[u8], output: &mut List<'_, u8>) -> Result<(), CodecError> {
    let corrupt = CodecError::Corrupt(Compression::Snappy);
    if input.get(..8) != SNAPPY_HEADER.get(..8) {
        return decompress_snappy_block(input, output);
    }
    let mut rest = input.get(SNAPPY_HEADER.len()..).ok_or(corrupt)?;
    while !rest.is_empty() {
        let (size, behind) = rest.split_first_chunk::<4>().ok_or(corrupt)?;
        let size = usize::try_from(i32::from_be_bytes(*size)).map_err(|_| corrupt)?;
        let (block, behind) = behind.split_at_checked(size).ok_or(corrupt)?;
        decompress_snappy_block(block, output)?;
        rest = behind;
    }
    Ok(())
}

fn decompress_snappy_block(block: &[u8], output: &mut List<'_, u8>) -> Result<(), CodecError> {
    let corrupt = CodecError::Corrupt(Compression::Snappy);
    let size = snap::raw::decompress_len(block).map_err(|_| corrupt)?;
    let limit = output.capacity();
    if size > limit - output.len() {
        return Err(CodecError::OutputFull { limit });
    }
    let start = output.len();
    output.fill_to(start + size, 0).map_err(|_| CodecError::OutputFull { limit })?;
    let room = output.get_mut(start..).unwrap_or_default();
    snap::raw::Decoder::new().decompress(block, room).map(drop).map_err(|_| corrupt)
}

fn compress_snappy(input: &[u8], mut target: Bounded<'_, '_>) -> Result<(), CodecError> {
    let corrupt = CodecError::Corrupt(Compression::Snappy);
    target.put(&SNAPPY_HEADER)?;
    let mut encoder = snap::raw::Encoder::new();
    for block in input.chunks(SNAPPY_BLOCK_SIZE) {
        let packed = encoder.compress_vec(block).map_err(|_| corrupt)?;
        target.put(&i32::try_from(packed.len()).map_err(|_| corrupt)?.to_be_bytes())?;
        target.put(&packed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Compression; 5] = [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

    #[test]
    fn what_is_compressed_comes_back() {
        let input: Vec<u8> =
            (0..200_000u32).map(|number| u8::try_from(number.wrapping_mul(number) % 251 / 3).expect("below 256")).collect();
        for compression in ALL {
            for input in [&input[..], &input[..1], &[]] {
                let mut packed = List::grown(1 << 20);
                Codecs::default().compress(compression, input, &mut packed).expect("fits");
                let mut output = List::grown(input.len());
                Codecs::default().decompress(compression, &packed, &mut output).expect("fits just");
                assert_eq!(&*output, input, "{compression:?}");
            }
        }
    }

    #[test]
    fn a_bomb_ends_at_the_limit() {
        let zeros = vec![0u8; 1 << 20];
        for compression in ALL {
            let mut packed = List::grown(2 << 20);
            Codecs::default().compress(compression, &zeros, &mut packed).expect("fits");
            let mut output = List::grown(1000);
            let result = Codecs::default().decompress(compression, &packed, &mut output);
            assert_eq!(result, Err(CodecError::OutputFull { limit: 1000 }), "{compression:?}");
        }
    }

    #[test]
    fn what_was_cut_off_is_refused() {
        let input: Vec<u8> = (0..300_000u32).map(|number| u8::try_from(number % 251).expect("below 256")).collect();
        for compression in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
            let mut packed = List::grown(1 << 20);
            Codecs::default().compress(compression, &input, &mut packed).expect("fits");
            // An end mark that is missing behind data that is whole is nobody's loss: ten bytes are more than any has.
            for length in [packed.len() / 2, packed.len() - 10] {
                let mut output = List::grown(1 << 20);
                let result = Codecs::default().decompress(compression, &packed[..length], &mut output);
                assert_eq!(result, Err(CodecError::Corrupt(compression)), "{length} of {}", packed.len());
            }
        }
    }

    #[test]
    fn frames_one_behind_the_other_are_read_on() {
        for compression in [Compression::Gzip, Compression::Zstd] {
            let mut packed = List::grown(1 << 10);
            for input in [b"one, ", b"two, ", b"three"] {
                Codecs::default().compress(compression, input, &mut packed).expect("fits");
            }
            let mut output = List::grown(15);
            Codecs::default().decompress(compression, &packed, &mut output).expect("fits just");
            assert_eq!(&*output, b"one, two, three", "{compression:?}");
        }
    }

    #[test]
    fn garbage_is_refused() {
        for compression in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
            let mut output = List::grown(1 << 20);
            let garbage: Vec<u8> = (0..100u8).map(|number| number.wrapping_mul(37) ^ 0xa5).collect();
            assert!(Codecs::default().decompress(compression, &garbage, &mut output).is_err(), "{compression:?}");
        }
    }
}
