//! The writer's thread: order, acknowledgement, group commit, errors, and the watchdog.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up fails")]

mod store_support;

use std::sync::mpsc::{Receiver, RecvError, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use policies::control::{Entry, Record};
use spotfleet::store::writer::GROUP;
use spotfleet::store::{Batch, Engine, Memory, StateStore, StoreError, Watchdog, Writer, open};
use store_support::{Model, NOW, advance, contents, load_entries};

/// A watchdog for tests in which it must not act.
fn quiet() -> Watchdog {
    Watchdog::new(Duration::from_secs(60), || panic!("nothing is slow here"))
}

/// A store whose commits wait to be let through, and that counts what each one covers.
struct Gated {
    inner: Memory,
    entered: Sender<usize>,
    gate: Receiver<Result<(), StoreError>>,
}

impl StateStore for Gated {
    fn apply(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.inner.apply(batch)
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.entered.send(self.inner.unsynced()).unwrap();
        self.gate.recv().unwrap_or(Ok(()))?;
        self.inner.commit()
    }

    fn scan(&self, prefix: &[u8], each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
        self.inner.scan(prefix, each)
    }

    fn bytes_on_disk(&self) -> Result<u64, StoreError> {
        self.inner.bytes_on_disk()
    }
}

struct Gate {
    disk: Memory,
    entered: Receiver<usize>,
    let_through: Sender<Result<(), StoreError>>,
}

fn gated() -> (Gated, Gate) {
    let (entered, seen) = channel();
    let (let_through, gate) = channel();
    let disk = Memory::new();
    (Gated { inner: disk.clone(), entered, gate }, Gate { disk, entered: seen, let_through })
}

#[test]
fn batches_are_written_in_order_and_acknowledged() {
    for engine in Engine::ALL {
        let dir = tempfile::tempdir().unwrap();
        let (writer, mut durable) = Writer::spawn(open(dir.path(), engine, NOW).unwrap().store, quiet()).unwrap();
        for seq in 1..=50 {
            writer.blocking_append(seq, load_entries(1, seq)).unwrap();
        }
        let mut acks = vec![0];
        while acks.last() != Some(&50) {
            acks.push(durable.blocking_recv().unwrap());
        }
        assert!(acks.is_sorted_by(|a, b| a < b), "{engine}: {acks:?}");
        let mut model = Model::new();
        advance(&mut model, 1, 0, 50);
        let store = writer.close().unwrap();
        assert_eq!(contents(store.as_ref()), model, "{engine}");
        drop(store);
        assert_eq!(open(dir.path(), engine, NOW).unwrap().records.len(), model.len(), "{engine}");
    }
}

#[test]
fn nothing_is_acknowledged_before_its_commit_returns() {
    let (store, gate) = gated();
    let (writer, mut durable) = Writer::spawn(Box::new(store), quiet()).unwrap();
    writer.blocking_append(1, load_entries(1, 1)).unwrap();
    assert_eq!(gate.entered.recv().unwrap(), 1);
    assert!(durable.try_recv().is_err());
    gate.let_through.send(Ok(())).unwrap();
    assert_eq!(durable.blocking_recv(), Some(1));
    assert_eq!(gate.disk.unsynced(), 0);
}

#[test]
fn what_queued_up_shares_a_commit_up_to_the_limit() {
    let (store, gate) = gated();
    let (writer, mut durable) = Writer::spawn(Box::new(store), quiet()).unwrap();
    writer.blocking_append(1, load_entries(1, 1)).unwrap();
    // The thread is in its first commit now, so the next batches queue up.
    assert_eq!(gate.entered.recv().unwrap(), 1);
    let rest = u64::try_from(2 * GROUP).unwrap();
    for seq in 2..=rest + 6 {
        writer.blocking_append(seq, load_entries(1, seq)).unwrap();
    }
    let mut covered = Vec::new();
    let mut acks = Vec::new();
    for _ in 0..3 {
        gate.let_through.send(Ok(())).unwrap();
        acks.push(durable.blocking_recv().unwrap());
        covered.push(gate.entered.recv().unwrap());
    }
    gate.let_through.send(Ok(())).unwrap();
    acks.push(durable.blocking_recv().unwrap());
    assert_eq!(covered, [GROUP, GROUP, 5]);
    assert_eq!(acks, [1, 21, 41, 46]);
}

#[test]
fn a_failed_commit_ends_the_writer_and_is_told() {
    let (store, gate) = gated();
    let (writer, mut durable) = Writer::spawn(Box::new(store), quiet()).unwrap();
    writer.blocking_append(1, load_entries(1, 1)).unwrap();
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    gate.let_through.send(Err(StoreError::Io { doing: "syncing", path: "db".into(), source: full })).unwrap();
    assert_eq!(durable.blocking_recv(), None);
    assert!(matches!(writer.blocking_append(2, Vec::new()), Err(StoreError::WriterEnded)));
    let error = writer.close().err().unwrap();
    assert_eq!(error.to_string(), "syncing db: no storage space");
}

#[test]
fn a_record_that_is_too_large_ends_the_writer_before_anything_of_its_batch_is_written() {
    let disk = Memory::new();
    let (writer, mut durable) = Writer::spawn(Box::new(disk.clone()), quiet()).unwrap();
    let mut entries = load_entries(1, 1);
    entries.push(Entry::Put(Record::Memory("x".repeat(5_000).into(), policies::plan::Memory::default())));
    writer.blocking_append(1, entries).unwrap();
    assert_eq!(durable.blocking_recv(), None);
    assert!(matches!(writer.close().err(), Some(StoreError::TooLarge { .. })));
    assert_eq!(contents(&disk), Model::new());
}

#[test]
fn closing_writes_what_was_handed_over() {
    let disk = Memory::new();
    let (writer, durable) = Writer::spawn(Box::new(disk.clone()), quiet()).unwrap();
    drop(durable);
    for seq in 1..=100 {
        writer.blocking_append(seq, load_entries(1, seq)).unwrap();
    }
    drop(writer.close().unwrap());
    disk.crash(0);
    let mut model = Model::new();
    advance(&mut model, 1, 0, 100);
    assert_eq!(contents(&disk), model);
}

#[test]
fn the_async_shell_can_append_and_await() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let disk = Memory::new();
    let (writer, mut durable) = Writer::spawn(Box::new(disk), quiet()).unwrap();
    runtime.block_on(async {
        writer.append(1, load_entries(1, 1)).await.unwrap();
        writer.append(2, load_entries(1, 2)).await.unwrap();
        let mut last = 0;
        while last < 2 {
            last = durable.recv().await.unwrap();
        }
    });
    assert!(writer.close().is_ok());
}

#[test]
fn a_commit_that_does_not_return_is_acted_upon() {
    let (store, gate) = gated();
    let (acted, seen) = channel();
    let limit = Duration::from_millis(20);
    let watchdog = Watchdog::new(limit, move || acted.send(std::time::Instant::now()).unwrap());
    let before = std::time::Instant::now();
    let (writer, _durable) = Writer::spawn(Box::new(store), watchdog).unwrap();
    writer.blocking_append(1, load_entries(1, 1)).unwrap();
    // The gate stays shut: this returns only because the watchdog acts.
    assert!(seen.recv().unwrap().duration_since(before) >= limit);
    gate.let_through.send(Ok(())).unwrap();
    assert!(writer.close().is_ok());
}

#[test]
fn the_watchdog_ends_with_the_writer_and_does_not_act_on_idle_time() {
    let (told, seen) = channel::<()>();
    let watchdog = Watchdog::new(Duration::from_millis(300), move || told.send(()).unwrap());
    let (writer, mut durable) = Writer::spawn(Box::new(Memory::new()), watchdog).unwrap();
    writer.blocking_append(1, load_entries(1, 1)).unwrap();
    assert_eq!(durable.blocking_recv(), Some(1));
    // More than the limit without a write; then the end of the channel shows that the watchdog went without acting.
    assert_eq!(seen.recv_timeout(Duration::from_millis(400)), Err(RecvTimeoutError::Timeout));
    assert!(writer.close().is_ok());
    assert_eq!(seen.recv(), Err(RecvError));
}
