//! The downward seam: one root, replaced by swap. The write half is private to the control plane.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};

use super::Root;

/// The write half. Keeps retired roots until it holds their last reference, so that no worker ever
/// frees one.
#[derive(Debug)]
pub struct Publisher {
    current: Arc<ArcSwap<Root>>,
    retired: Vec<Arc<Root>>,
}

/// The read half; cheap to clone, one per worker.
#[derive(Clone, Debug)]
pub struct RootReader(Arc<ArcSwap<Root>>);

impl Publisher {
    pub fn new(root: Root) -> Self {
        Publisher {
            current: Arc::new(ArcSwap::from_pointee(root)),
            retired: Vec::new(),
        }
    }

    pub fn reader(&self) -> RootReader {
        RootReader(Arc::clone(&self.current))
    }

    /// What is published now.
    pub fn current(&self) -> Arc<Root> {
        self.current.load_full()
    }

    /// Replaces the root; readers see it at their next [`RootReader::load`].
    pub fn publish(&mut self, root: Root) {
        self.sweep();
        self.retired.push(self.current.swap(Arc::new(root)));
    }

    /// Frees the retired roots that no reader holds any more. Call it now and then.
    pub fn sweep(&mut self) {
        self.retired.retain(|root| Arc::strong_count(root) > 1);
    }

    /// Gives the retired roots away, to be [freed](free) where that may take a while.
    pub fn retire(&mut self) -> Vec<Arc<Root>> {
        std::mem::take(&mut self.retired)
    }
}

/// How often it is looked whether readers still hold a root.
const FREE_PAUSE: Duration = Duration::from_millis(1);

/// Frees roots of [`Publisher::retire`] as soon as no reader holds them, and blocks until then.
pub fn free(retired: Vec<Arc<Root>>) {
    for root in retired {
        while Arc::strong_count(&root) > 1 {
            thread::sleep(FREE_PAUSE);
        }
    }
}

impl RootReader {
    /// The current root, without a shared write in the common case. Hold it for one batch, never
    /// across a blocking call.
    #[inline]
    pub fn load(&self) -> Guard<Arc<Root>> {
        self.0.load()
    }

    /// The current root for those that may hold on to it (admin, TCP tasks that wait).
    pub fn load_full(&self) -> Arc<Root> {
        self.0.load_full()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(generation: u64) -> Root {
        Root {
            generation,
            zones: Arc::default(),
            maps: Arc::new([]),
            pools: Arc::default(),
            health: Arc::default(),
            service: Arc::default(),
            forwarding: Arc::default(),
        }
    }

    #[test]
    fn what_is_retired_is_freed_once_its_last_reader_is_done() {
        let mut publisher = Publisher::new(root(1));
        let held = publisher.reader().load_full();
        publisher.publish(root(2));
        let first = Arc::downgrade(&held);
        let retired = publisher.retire();
        assert_eq!(retired.len(), 1);
        let freeing = thread::spawn(|| free(retired));
        assert_eq!(publisher.current().generation, 2);
        assert!(!freeing.is_finished());
        drop(held);
        freeing.join().unwrap();
        assert!(first.upgrade().is_none());
        assert!(publisher.retire().is_empty());
    }
}
