//! Two embedded databases under the same group commits, as a branch makes them: a record is the new
//! totals of one account of 1,000, and one answer to remember. And what each says of a flipped bit.
//!
//!     cargo run --release --manifest-path benches/stores/Cargo.toml [DIRECTORY]
//!
//! The directory must be on the disk to be measured. Each figure is the median of 5 runs of a second,
//! after one that is not counted.

mod fjall_store;
mod redb_store;

use std::{
    error::Error,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

type Outcome<T> = Result<T, Box<dyn Error>>;

const RUNS: usize = 5;
const RUN: Duration = Duration::from_secs(1);
const GROUPS: [usize; 4] = [1, 16, 128, 1024];
const ACCOUNTS: u64 = 1_000;

/// Flipped bits tried on each store.
const FLIPS: usize = 400;

/// A database that is measured.
trait Store: Sized {
    fn open(directory: &Path, synced: bool) -> Outcome<Self>;
    fn commit(&mut self, records: &[Record]) -> Outcome<()>;
    /// How many answers there are.
    fn count(&self) -> Outcome<u64>;
}

#[derive(Clone, Copy)]
struct Record {
    account: u64,
    number: u64,
}

fn main() -> Outcome<()> {
    let place = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from).join("replibank-stores");
    println!("commits a second, median of {RUNS} runs of {RUN:?} (records a second are that times the group)");
    print!("{:28}", "records a commit");
    GROUPS.iter().for_each(|group| print!("{group:>10}"));
    println!();
    for synced in [true, false] {
        let how = if synced { "synced" } else { "buffered" };
        row::<redb_store::Redb<2>>(&format!("redb, 2 phases, {how}"), &place, synced)?;
        row::<redb_store::Redb<1>>(&format!("redb, 1 phase, {how}"), &place, synced)?;
        row::<fjall_store::Fjall>(&format!("fjall, {how}"), &place, synced)?;
    }
    println!("\na bit flipped in the largest file after 200 acknowledged commits and a kill, {FLIPS} times");
    println!("{:28}{:>10}{:>10}{:>18}", "", "found", "harmless", "silently less");
    damage::<redb_store::Redb<2>>("redb, 2 phases", &place)?;
    damage::<redb_store::Redb<1>>("redb, 1 phase", &place)?;
    damage::<fjall_store::Fjall>("fjall", &place)?;
    Ok(remove(&place)?)
}

fn remove(place: &Path) -> io::Result<()> {
    match fs::remove_dir_all(place) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn row<S: Store>(name: &str, place: &Path, synced: bool) -> Outcome<()> {
    print!("{name:28}");
    for group in GROUPS {
        let mut rates = Vec::with_capacity(RUNS);
        for _ in 0..=RUNS {
            remove(place)?;
            fs::create_dir_all(place)?;
            rates.push(rate(&mut S::open(place, synced)?, group)?);
        }
        rates.remove(0);
        rates.sort_by(f64::total_cmp);
        print!("{:>10.0}", rates[RUNS / 2]);
    }
    println!();
    Ok(())
}

/// Commits a second.
fn rate(store: &mut impl Store, group: usize) -> Outcome<f64> {
    let mut number = 0;
    let mut commits = 0;
    let began = Instant::now();
    while began.elapsed() < RUN {
        store.commit(&records(&mut number, group))?;
        commits += 1;
    }
    Ok(f64::from(commits) / began.elapsed().as_secs_f64())
}

fn records(number: &mut u64, group: usize) -> Vec<Record> {
    let mut next = || {
        *number += 1;
        Record { account: fastrand::u64(..ACCOUNTS), number: *number }
    };
    (0..group).map(|_| next()).collect()
}

fn damage<S: Store>(name: &str, place: &Path) -> Outcome<()> {
    const COMMITS: u64 = 200;
    let (made, copy) = (place.join("made"), place.join("copy"));
    remove(place)?;
    fs::create_dir_all(&made)?;
    let mut store = S::open(&made, true)?;
    let mut number = 0;
    for _ in 0..COMMITS {
        store.commit(&records(&mut number, 4))?;
    }
    // As after a kill: the files are copied while the store is open, and it is not closed.
    let frozen = place.join("frozen");
    copy_all(&made, &frozen)?;
    std::mem::forget(store);
    let (mut found, mut harmless, mut less) = (0, 0, 0);
    let mut random = fastrand::Rng::with_seed(1);
    std::panic::set_hook(Box::new(|_| {}));
    for _ in 0..FLIPS {
        remove(&copy)?;
        copy_all(&frozen, &copy)?;
        flip(&copy, &mut random)?;
        let copy = copy.clone();
        let counted = std::panic::catch_unwind(move || Ok(S::open(&copy, false)?.count()?) as Outcome<u64>);
        match counted {
            Ok(Ok(count)) if count == number => harmless += 1,
            Ok(Ok(_)) => less += 1,
            Ok(Err(_)) | Err(_) => found += 1,
        }
    }
    let _ = std::panic::take_hook();
    println!("{name:28}{found:>10}{harmless:>10}{less:>18}");
    Ok(())
}

/// Flips a bit among the bytes of the largest file that are not all zero around it.
fn flip(directory: &Path, random: &mut fastrand::Rng) -> Outcome<()> {
    let mut files = Vec::new();
    list(directory, &mut files)?;
    let mut contents: Vec<_> = files.into_iter().map(|file| Ok((fs::read(&file)?, file))).collect::<io::Result<_>>()?;
    let used = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte != 0).count();
    contents.sort_by_key(|(bytes, _)| used(bytes));
    let Some((mut bytes, file)) = contents.pop() else { return Err("no files".into()) };
    let at = loop {
        let at = random.usize(..bytes.len());
        if bytes[at] != 0 {
            break at;
        }
    };
    bytes[at] ^= 1 << random.u8(..8);
    Ok(fs::write(file, bytes)?)
}

fn list(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() { list(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() { copy_all(&entry.path(), &target)? } else { fs::copy(entry.path(), target).map(drop)? }
    }
    Ok(())
}
