//! Work that nobody waits for.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

type Work = Box<dyn FnOnce(&Ending) + Send>;

/// Tells work that it should come to its end.
#[derive(Clone, Debug, Default)]
pub struct Ending(Arc<AtomicBool>);

impl Ending {
    /// Whether what is not done yet is to be left.
    #[must_use]
    pub fn is_near(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A thread that does one piece of work after another, in the order in which they came. It is started for the first.
///
/// Whoever drops it waits for the piece that is being done; those behind it are not begun.
#[derive(Default)]
pub struct Later {
    running: Mutex<Option<(mpsc::Sender<Work>, JoinHandle<()>)>>,
    ending: Ending,
}

impl fmt::Debug for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Later").field("ending", &self.ending).finish_non_exhaustive()
    }
}

impl Later {
    /// Has something done. Where no thread can be had it is done here and now.
    pub fn run(&self, work: impl FnOnce(&Ending) + Send + 'static) {
        let mut work: Work = Box::new(work);
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_none() {
            *running = self.start();
        }
        if let Some((sender, _)) = &*running {
            match sender.send(work) {
                Ok(()) => return,
                Err(refused) => work = refused.0,
            }
        }
        drop(running);
        work(&self.ending);
    }

    fn start(&self) -> Option<(mpsc::Sender<Work>, JoinHandle<()>)> {
        let (sender, pieces) = mpsc::channel::<Work>();
        let ending = self.ending.clone();
        let work = move || pieces.into_iter().take_while(|_| !ending.is_near()).for_each(|piece| piece(&ending));
        let thread = std::thread::Builder::new().name("millpond-later".to_owned()).spawn(work);
        thread.ok().map(|thread| (sender, thread))
    }
}

impl Drop for Later {
    fn drop(&mut self) {
        self.ending.0.store(true, Ordering::Relaxed);
        let running = self.running.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some((sender, thread)) = running.take() {
            drop(sender);
            // Work that has panicked is nobody's concern any more.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_in_order_and_the_piece_under_way_is_waited_for() {
        let later = Later::default();
        let (sender, done) = mpsc::channel();
        for number in 0..3 {
            let sender = sender.clone();
            later.run(move |_| sender.send(number).unwrap());
        }
        assert_eq!(done.iter().take(3).collect::<Vec<_>>(), [0, 1, 2]);
        // One that goes on until it is told, and one behind it that does not begin.
        let (begun, has_begun) = mpsc::channel();
        let last = sender.clone();
        later.run(move |ending| {
            begun.send(()).unwrap();
            while !ending.is_near() {
                std::thread::yield_now();
            }
            last.send(3).unwrap();
        });
        later.run(move |_| sender.send(4).unwrap());
        has_begun.recv().unwrap();
        drop(later);
        assert_eq!(done.iter().collect::<Vec<_>>(), [3]);
    }
}
