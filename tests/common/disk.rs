//! Disks for tests: the simplest one, and a place for real ones.

use std::{
    convert::Infallible,
    fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use replibank::replica::{AnswerChange, Disk, Save, Saved};

/// The simplest disk: applies saves to a copy, as a store must.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Copy(pub Saved);

impl Disk for Copy {
    type Error = Infallible;

    fn save(&mut self, save: &Save) -> Result<(), Infallible> {
        let Self(saved) = self;
        if let Some(life) = save.begins {
            if saved.lives.last() != Some(&life.number) {
                saved.lives.push(life.number);
            }
            saved.had_others = life.had_others;
        }
        for delta in &save.deltas {
            match saved.pages.iter_mut().find(|page| page.origin == delta.origin) {
                None => saved.pages.push(delta.clone()),
                Some(page) => {
                    assert_eq!(page.sequence, delta.base, "a save begins where the disk is");
                    page.entries.retain(|entry| delta.entries.iter().all(|new| new.account != entry.account));
                    page.entries.extend(&delta.entries);
                    page.past.extend(&delta.past);
                    (page.sequence, page.confirm_through) = (delta.sequence, delta.confirm_through);
                }
            }
        }
        for change in &save.answers {
            match *change {
                AnswerChange::Remember(answer) => saved.answers.push(answer),
                AnswerChange::ForgetRequest(request) => {
                    saved.answers.retain(|answer| answer.request != request);
                    let before = saved.forgotten.iter().find(|(client, _)| *client == request.client);
                    let through = before.map_or(0, |&(_, through)| through).max(request.number);
                    saved.forgotten.retain(|(client, _)| *client != request.client);
                    saved.forgotten.push((request.client, through));
                }
                AnswerChange::ForgetClient(client) => {
                    saved.forgotten.retain(|(known, _)| *known != client);
                    saved.forgot_clients = true;
                }
            }
        }
        saved.answers.sort_by_key(|answer| (answer.request.client, answer.request.number));
        Ok(())
    }

    fn load(&mut self) -> Result<Saved, Infallible> {
        let mut saved = self.0.clone();
        saved.pages.sort_by_key(|page| page.origin);
        saved.forgotten.sort_unstable();
        for page in &mut saved.pages {
            page.entries.sort_by_key(|entry| entry.sequence);
            page.past.sort_by_key(|past| (past.from, past.origin));
        }
        Ok(saved)
    }
}

/// A directory of its own, gone with the value.
pub struct Place(PathBuf);

impl Place {
    pub fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("replibank-test-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a new directory");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
