//! A real directory, for a look with other tools.

extern crate std;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::string::ToString;
use std::sync::Arc;

use super::*;
use crate::record::marker::Outcome;
use crate::store::file_name::FileName;

struct Directory(PathBuf);

impl Directory {
    fn open(&self, file: FileName) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(self.0.join(file.to_string()))
    }
}

fn missing_is<T>(missing: T, result: io::Result<T>) -> io::Result<T> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(missing),
        other => other,
    }
}

#[derive(Debug)]
struct Failed(io::Error);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl core::error::Error for Failed {}
impl embedded_io::Error for Failed {
    fn kind(&self) -> embedded_io::ErrorKind {
        embedded_io::ErrorKind::Other
    }
}
impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self(error)
    }
}

impl SegmentStore for Directory {
    type Error = Failed;
    type Handle = Arc<File>;
    fn list(&mut self, each: &mut dyn FnMut(FileName)) -> Result<(), Failed> {
        for entry in std::fs::read_dir(&self.0)? {
            if let Some(name) = entry?.file_name().to_str().and_then(FileName::parse) {
                each(name);
            }
        }
        Ok(())
    }
    fn size(&mut self, file: FileName) -> Result<Option<u64>, Failed> {
        let size = std::fs::metadata(self.0.join(file.to_string())).map(|data| Some(data.len()));
        Ok(missing_is(None, size)?)
    }
    fn read_at(&mut self, file: FileName, position: u64, into: &mut [u8]) -> Result<usize, Failed> {
        let Some(open) = missing_is(None, self.open(file).map(Some))? else {
            return Ok(0);
        };
        let mut done = 0;
        while done < into.len() {
            match open.read_at(&mut into[done..], position + u64::try_from(done).unwrap())? {
                0 => break,
                count => done += count,
            }
        }
        Ok(done)
    }
    fn write_at(&mut self, file: FileName, position: u64, parts: &[&[u8]]) -> Result<(), Failed> {
        let path = self.0.join(file.to_string());
        let open = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        open.write_all_at(&parts.concat(), position)?;
        Ok(())
    }
    fn truncate(&mut self, file: FileName, size: u64) -> Result<(), Failed> {
        if self.size(file)?.is_some_and(|now| now > size) {
            self.open(file)?.set_len(size)?;
        }
        Ok(())
    }
    fn rename(&mut self, from: FileName, to: FileName) -> Result<(), Failed> {
        Ok(std::fs::rename(self.0.join(from.to_string()), self.0.join(to.to_string()))?)
    }
    fn delete(&mut self, file: FileName) -> Result<(), Failed> {
        Ok(missing_is((), std::fs::remove_file(self.0.join(file.to_string())))?)
    }
    fn sync(&mut self, file: FileName) -> Result<(), Failed> {
        Ok(missing_is((), self.open(file).and_then(|open| open.sync_data()))?)
    }
    fn sync_names(&mut self) -> Result<(), Failed> {
        Ok(File::open(&self.0)?.sync_all()?)
    }
    fn handle(&mut self, file: FileName) -> Result<Arc<File>, Failed> {
        Ok(Arc::new(self.open(file)?))
    }
    fn is_full(error: &Failed) -> bool {
        error.0.kind() == io::ErrorKind::StorageFull
    }
}

/// Writes a log with everything in it. `MILLPOND_KEEP_LOG=<directory>` keeps it there for `DumpLogSegments`.
#[test]
fn a_log_on_a_real_disk_survives_a_restart() {
    let kept = std::env::var("MILLPOND_KEEP_LOG").ok().map(PathBuf::from);
    let path = kept.clone().unwrap_or_else(|| std::env::temp_dir().join(std::format!("millpond-log-{}", std::process::id())));
    std::fs::create_dir_all(&path).unwrap();
    let config = LogConfig { segment_bytes: 40_000, index_interval_bytes: 4096, ..small(false) };
    let open = |hints| PartitionLog::open(Timestamp(0), Directory(path.clone()), memory(), config, hints).unwrap();
    let (mut log, _) = open(OpenHints::default());
    let mut dice = Dice(8);
    for at in 0..600i32 {
        let count = 1 + dice.size(5);
        let values: Vec<Vec<u8>> = (0..count).map(|_| alloc::vec![b'v'; dice.size(300)]).collect();
        // Some come late, so that the largest timestamp is not always the last.
        let time = 1_700_000_000_000 + i64::from(at) * 1000 - i64::try_from(dice.roll(20_000)).unwrap();
        let given = Given { values, time, ..Given::default() };
        put(&mut log, time, &given).unwrap();
        let transactional = Given { producer: Some((77, 0, at)), transactional: true, ..Given::of(&[b"in a transaction"], time) };
        put(&mut log, time, &transactional).unwrap();
        if at % 50 == 49 {
            let marker = Given {
                producer: Some((77, 0, -1)),
                transactional: true,
                marker: Some(EndMarker { outcome: Outcome::Commit, coordinator_epoch: 2 }),
                time,
                ..Given::default()
            };
            put(&mut log, time, &marker).unwrap();
        }
    }
    log.close().unwrap();
    let end = log.watermarks().log_end();
    for clean in [true, false] {
        let (mut log, report) = open(OpenHints { clean, ..OpenHints::default() });
        assert_eq!((log.watermarks().log_end(), report.cut), (end, None));
        assert_eq!(report.segments_rebuilt == 0, clean);
        let all = read_all(&mut log, Offset(0), ReadUpTo::LastStable, 5000);
        assert_eq!(i64::try_from(all.len()).unwrap() + 12, end.0);
        log.close().unwrap();
    }
    if kept.is_none() {
        std::fs::remove_dir_all(&path).unwrap();
    }
}
