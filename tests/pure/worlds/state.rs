//! One state of a world: every process with its replica, its directory and its sessions, every message under
//! way, and what customers asked and heard. A state is a value; a move makes another one of it.

use std::{
    collections::{BTreeMap, BTreeSet, hash_map::DefaultHasher},
    fmt::{self, Write},
    hash::{Hash, Hasher},
    rc::Rc,
};

use replibank::{
    replica::{Config, Disk, Input, Output, PeerMessage, Replica, Request, Save, Saved},
    topology::{Shape, Topology},
    types::{
        AccountId, Action, Answer, BranchId, Concern, Duration, Incarnation, Operation, Origin, Propagation, Terms,
        Time, Tried, Version,
    },
};

use super::{
    laws::{Breach, Counts, Law},
    moves::{Crash, Move},
};
use crate::common::{branch, deposit, disk::Copy, request, request_id, withdrawal};

/// The account of deposits, and the one of withdrawals.
pub const DEPOSITS: u64 = 0;
pub const WITHDRAWALS: u64 = 1;

/// What messages may suffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ways {
    /// They come in order, and none is missing while a session lasts.
    Ordered,
    /// Each may be lost, doubled and overtaken.
    Datagrams,
}

/// Which branches are linked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Links {
    Mesh,
    /// Each with the next one.
    Line,
}

/// What a customer wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    Deposit(Concern),
    Withdraw,
    /// Once the write of this other request is answered: a balance that has it.
    Read(usize),
}

/// A request of a customer of its own. The amount follows from its position: see [`Counts`].
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// Branches are counted from 0 here.
    pub branch: usize,
    pub what: What,
    /// How often it is tried at most.
    pub tries: u8,
}

/// How often each fault may still happen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Faults {
    pub meetings: u8,
    pub cuts: u8,
    pub losses: u8,
    pub doubles: u8,
    /// Crashes that keep the directory.
    pub kept: u8,
    /// Crashes that lose it.
    pub lost: u8,
    /// Crashes that bring an older one back.
    pub older: u8,
    /// Second processes on a copy.
    pub copies: u8,
    /// Answers that are lost.
    pub deaf: u8,
    pub ticks: u8,
}

pub const NO_FAULTS: Faults =
    Faults { meetings: 0, cuts: 0, losses: 0, doubles: 0, kept: 0, lost: 0, older: 0, copies: 0, deaf: 0, ticks: 0 };

/// A world: a bank, what its customers want, and what may befall it.
#[derive(Debug)]
pub struct Setting {
    pub name: &'static str,
    pub branches: usize,
    pub links: Links,
    pub network: Ways,
    /// Whether a driver may let a replica wait before it asks for what there is to say.
    pub lazy: bool,
    pub disks: bool,
    /// Whether all have met before.
    pub met: bool,
    pub asks: &'static [Ask],
    pub faults: Faults,
    /// The most moves.
    pub depth: usize,
}

impl Setting {
    pub fn is_linked(&self, one: usize, other: usize) -> bool {
        match self.links {
            Links::Mesh => one != other,
            Links::Line => one.abs_diff(other) == 1,
        }
    }

    fn config(&self, own: usize, life: u64, had_lives: bool) -> Config {
        let ids: BTreeSet<BranchId> = (0..self.branches).map(id).collect();
        let links = match self.links {
            Links::Mesh => Topology::new(Shape::Mesh, &ids).links(id(own)),
            Links::Line => {
                let linked = (0..self.branches).filter(|&peer| self.is_linked(own, peer));
                linked.map(|peer| (id(peer), BTreeSet::new())).collect()
            }
        };
        Config {
            own: Origin { branch: id(own), incarnation: Incarnation(life) },
            had_lives,
            branches: ids,
            links,
            accounts: BTreeMap::from([(AccountId(DEPOSITS), 0), (AccountId(WITHDRAWALS), self.withdrawable())]),
            propagation: Propagation::Stream,
            resend_after: match self.network {
                Ways::Ordered => Duration::MAX,
                Ways::Datagrams => Duration::milliseconds(1_000),
            },
        }
    }

    /// Enough for each withdrawal alone, and not for all of them.
    pub fn withdrawable(&self) -> i64 {
        let amounts = (0..self.asks.len()).filter(|&ask| self.asks[ask].what == What::Withdraw).map(amount);
        amounts.max().unwrap_or(0) as i64
    }
}

/// What a request moves: the balance then says which requests it counts, and how often.
pub fn amount(ask: usize) -> u64 {
    1 << (2 * ask)
}

fn id(index: usize) -> BranchId {
    branch(index as u32 + 1)
}

/// A data directory, and what a replica that starts on it counts.
#[derive(Debug)]
pub struct Directory {
    copy: Copy,
    name: u64,
    pub counts: Counts,
}

impl Directory {
    pub fn is_new(&self) -> bool {
        self.copy == Copy::default()
    }
}

/// A message under way. It can still be taken: the receiver is in the session in which it was said.
#[derive(Clone, Debug)]
pub struct Parcel {
    pub from: usize,
    pub to: usize,
    session: u32,
    pub name: u64,
    /// The start of the sender that said it.
    born: u32,
    pub message: Rc<PeerMessage>,
}

/// One process of a branch.
#[derive(Clone, Debug)]
pub struct Process {
    pub branch: usize,
    pub replica: Rc<Replica>,
    /// What tells its replica from others; `None`: not known yet.
    name: Option<u64>,
    pub counts: Counts,
    /// Which start of any process of its branch it is, from 1.
    pub born: u32,
    pub directory: Option<Rc<Directory>>,
    /// What the directory was before its last save.
    pub previous: Option<Rc<Directory>>,
    pub saving: Option<Rc<Save>>,
    /// With which process of each branch, in which session.
    pub sessions: Vec<Option<(usize, u32)>>,
    /// To which branches it has something to say.
    ready: u32,
    /// The latest start of each branch that it has a message of.
    pub heard: Vec<u32>,
    /// Tries that it has not answered.
    pub open: BTreeSet<u64>,
}

impl Process {
    pub fn is_ready(&self, peer: usize) -> bool {
        self.ready & (1 << peer) != 0
    }
}

/// What a customer has done and heard.
#[derive(Clone, Debug, Default, Hash)]
pub struct Asked {
    pub tries: u8,
    /// The life of the branch that the customer knew before its first try.
    life: Incarnation,
    /// The tries whose answers are lost.
    deaf: u8,
    pub heard: Option<Heard>,
    /// Tries that were refused for good.
    pub refused: u8,
    /// Where the write was put, as answers said, heard or lost.
    pub places: BTreeSet<(Origin, u64)>,
    place: Option<(Origin, u64)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Heard {
    Done,
    Refused,
}

/// What a process had that is no more.
#[derive(Clone, Copy, Debug, Hash)]
pub struct Ended {
    pub branch: usize,
    pub born: u32,
    pub counts: Counts,
}

#[derive(Clone, Debug)]
pub struct State {
    pub setting: &'static Setting,
    pub now: Time,
    pub processes: Vec<Process>,
    pub parcels: Vec<Parcel>,
    pub asked: Vec<Asked>,
    pub left: Faults,
    pub ended: Vec<Ended>,
    /// How often a process of each branch was started.
    starts: Vec<u32>,
    last_session: u32,
}

impl State {
    pub fn new(setting: &'static Setting) -> Self {
        let mut state = Self {
            setting,
            now: Time::default(),
            processes: Vec::new(),
            parcels: Vec::new(),
            asked: vec![Asked::default(); setting.asks.len()],
            left: setting.faults,
            ended: Vec::new(),
            starts: vec![0; setting.branches],
            last_session: 0,
        };
        for own in 0..setting.branches {
            let directory = setting.disks.then(|| state.directory(own, Copy::default()));
            let process = state.start(own, directory);
            state.processes.push(process);
        }
        if setting.met {
            state.meet_all(&(0..setting.branches).collect::<Vec<_>>()).expect("nothing has happened");
            state.settle().expect("nothing has happened");
        }
        state
    }

    fn directory(&self, own: usize, copy: Copy) -> Rc<Directory> {
        let mut writer = Name::default();
        write!(writer, "{copy:?}").expect("a hasher takes all");
        let counts = match Replica::recover(self.setting.config(own, 0, true), &load(&copy)) {
            Ok(replica) => Counts::of(self.setting, replica.balances()).expect("a directory has what a replica had"),
            Err(fault) => unreachable!("a directory that its own branch refuses: {fault}"),
        };
        Rc::new(Directory { copy, name: writer.0.finish(), counts })
    }

    /// A new process of a branch.
    fn start(&mut self, own: usize, directory: Option<Rc<Directory>>) -> Process {
        self.starts[own] += 1;
        let born = self.starts[own];
        let life = u64::from(born) - 1;
        let replica = match &directory {
            None => Replica::new(self.setting.config(own, life, born > 1)),
            Some(directory) => {
                let saved = load(&directory.copy);
                let config = self.setting.config(own, life, born > 1);
                Replica::recover(config, &saved).expect("its own directory")
            }
        };
        let counts = Counts::of(self.setting, replica.balances()).expect("a directory has what a replica had");
        Process {
            branch: own,
            replica: Rc::new(replica),
            name: None,
            counts,
            born,
            directory,
            previous: None,
            saving: None,
            sessions: vec![None; self.setting.branches],
            ready: 0,
            heard: vec![0; self.setting.branches],
            open: BTreeSet::new(),
        }
    }

    /// Makes a move, and holds what it shows against the laws.
    pub fn take(&mut self, what: Move) -> Result<(), Breach> {
        match what {
            Move::Try { ask, process, deaf } => self.ask(ask, process, deaf),
            Move::Poll { process, peer } => {
                self.poll(process, peer);
                Ok(())
            }
            Move::Deliver(at) => {
                let parcel = self.parcels.remove(at);
                self.deliver(parcel)
            }
            Move::Lose(at) => {
                self.left.losses -= 1;
                drop(self.parcels.remove(at));
                Ok(())
            }
            Move::Double(at) => {
                self.left.doubles -= 1;
                self.parcels.push(self.parcels[at].clone());
                Ok(())
            }
            Move::Meet(one, other) => {
                self.left.meetings -= 1;
                self.meet(one, other)
            }
            Move::Notice { process, peer } => {
                self.left.cuts -= 1;
                self.notice(process, peer)
            }
            Move::Saved(process) => self.saved(process),
            Move::Crash(process, how) => {
                self.crash(process, how);
                Ok(())
            }
            Move::Copy(process) => {
                self.left.copies -= 1;
                let (own, directory) = (self.processes[process].branch, self.processes[process].directory.clone());
                let process = self.start(own, directory);
                self.processes.push(process);
                Ok(())
            }
            Move::Tick => {
                self.left.ticks -= 1;
                self.tick()
            }
        }
    }

    /// The version that a request must wait for; `None`: it is too early to ask.
    pub fn at_least(&self, ask: usize) -> Option<Version> {
        match self.setting.asks[ask].what {
            What::Deposit(_) | What::Withdraw => Some(Version::EMPTY),
            What::Read(write) => {
                let place = self.asked[write].place.filter(|_| self.asked[write].heard == Some(Heard::Done))?;
                Some(Version::from_iter([place]))
            }
        }
    }

    /// What a request writes.
    fn operation(&self, ask: usize) -> Option<Operation> {
        match self.setting.asks[ask].what {
            What::Deposit(_) => Some(deposit(DEPOSITS, amount(ask))),
            What::Withdraw => Some(withdrawal(WITHDRAWALS, amount(ask))),
            What::Read(_) => None,
        }
    }

    fn ask(&mut self, ask: usize, process: usize, deaf: bool) -> Result<(), Breach> {
        let at_least = self.at_least(ask).unwrap_or_default();
        let operation = self.operation(ask);
        let life = self.processes[process].replica.own().incarnation;
        let asked = &mut self.asked[ask];
        // As a customer's library says it.
        let tried = if asked.tries == 0 { Tried::Never } else { Tried::In(asked.life) };
        if asked.tries == 0 {
            asked.life = life;
        }
        let ticket = ticket(ask, asked.tries);
        asked.tries += 1;
        if deaf {
            self.left.deaf -= 1;
            asked.deaf |= 1 << (asked.tries - 1);
        }
        let action = match operation {
            Some(operation) => Action::Write(operation),
            None => Action::Query { account: AccountId(DEPOSITS) },
        };
        let terms = Terms { concern: self.concern(ask), at_least, tried, ..Terms::default() };
        let deadline = self.now + terms.wait;
        let id = operation.map(|_| request_id(ask as u64 + 1, 1));
        self.processes[process].open.insert(ticket);
        self.step(process, Input::Request(Request { id, terms, deadline, ..request(ticket, action) }))
    }

    pub fn concern(&self, ask: usize) -> Concern {
        match self.setting.asks[ask].what {
            What::Deposit(concern) => concern,
            What::Withdraw | What::Read(_) => Concern::Local,
        }
    }

    fn step(&mut self, process: usize, input: Input) -> Result<(), Breach> {
        let at = &mut self.processes[process];
        let mut outputs = Vec::new();
        let replica = Rc::make_mut(&mut at.replica);
        replica.step(self.now, input, &mut outputs);
        at.name = None;
        replica.invariants().map_err(|broken| Breach { law: Law::Invariants, what: broken })?;
        let after = Counts::of(self.setting, replica.balances())?;
        let before = std::mem::replace(&mut at.counts, after);
        if !before.is_within(&after) {
            let what = format!("process {process} counted {before:?}, and then {after:?}");
            return Err(Breach { law: Law::NothingLeaves, what });
        }
        for output in outputs {
            self.follow(process, output)?;
        }
        Ok(())
    }

    fn follow(&mut self, process: usize, output: Output) -> Result<(), Breach> {
        match output {
            Output::Reply { ticket, answer } => self.reply(process, ticket, &answer),
            Output::Ready(peer) => {
                let peer = index(peer);
                self.processes[process].ready |= 1 << peer;
                if !self.setting.lazy {
                    self.poll(process, peer);
                }
                Ok(())
            }
            Output::Save => {
                let at = &mut self.processes[process];
                if at.saving.is_none() {
                    at.saving = Rc::make_mut(&mut at.replica).poll_save().map(Rc::new);
                    at.name = None;
                }
                Ok(())
            }
            Output::Faulty { from, fault } => {
                let what = format!("process {process} refuses what branch {from} says: {fault}");
                Err(Breach { law: Law::NobodyIsRefused, what })
            }
        }
    }

    fn reply(&mut self, process: usize, number: u64, answer: &Answer) -> Result<(), Breach> {
        let ask = (number / 8) as usize;
        if !self.processes[process].open.remove(&number) {
            return Err(Breach { law: Law::Answers, what: format!("try {number} is answered without being open") });
        }
        let is_heard = self.asked[ask].deaf & (1 << (number % 8)) == 0;
        let asked = &mut self.asked[ask];
        let heard = match answer {
            Answer::Committed(committed) => {
                asked.place = Some((committed.origin, committed.sequence));
                asked.places.insert((committed.origin, committed.sequence));
                Heard::Done
            }
            Answer::Queried(_) => Heard::Done,
            Answer::Refused(refusal) => {
                asked.refused += u8::from(refusal.is_definite());
                Heard::Refused
            }
        };
        if is_heard && asked.heard.is_none() {
            asked.heard = Some(heard);
        }
        self.judge_answer(process, ask, answer)
    }

    /// Everything that a replica has to say to one branch now.
    fn poll(&mut self, process: usize, peer: usize) {
        let at = &mut self.processes[process];
        at.ready &= !(1 << peer);
        at.name = None;
        let (born, session) = (at.born, at.sessions[peer]);
        let mut said = Vec::new();
        while let Some(message) = Rc::make_mut(&mut at.replica).poll_send(self.now, id(peer)) {
            said.push(message);
        }
        let Some((to, session)) = session else { return };
        for message in said {
            let mut writer = Name::default();
            write!(writer, "{message:?}").expect("a hasher takes all");
            let parcel =
                Parcel { from: process, to, session, born, name: writer.0.finish(), message: Rc::new(message) };
            if self.can_come(&parcel) {
                self.parcels.push(parcel);
            }
        }
    }

    fn can_come(&self, parcel: &Parcel) -> bool {
        let from = self.processes[parcel.from].branch;
        self.processes[parcel.to].sessions[from] == Some((parcel.from, parcel.session))
    }

    fn forget_parcels(&mut self) {
        let parcels = std::mem::take(&mut self.parcels);
        self.parcels = parcels.into_iter().filter(|parcel| self.can_come(parcel)).collect();
    }

    fn deliver(&mut self, parcel: Parcel) -> Result<(), Breach> {
        let from = self.processes[parcel.from].branch;
        let heard = &mut self.processes[parcel.to].heard[from];
        *heard = parcel.born.max(*heard);
        let message = PeerMessage::clone(&parcel.message);
        self.step(parcel.to, Input::Message { from: id(from), message })
    }

    /// Whether these two are in one session with each other.
    pub fn is_met(&self, one: usize, other: usize) -> bool {
        let (first, second) = (&self.processes[one], &self.processes[other]);
        let session = first.sessions[second.branch].filter(|&(with, _)| with == other);
        session.is_some_and(|(_, session)| second.sessions[first.branch] == Some((one, session)))
    }

    fn meet(&mut self, one: usize, other: usize) -> Result<(), Breach> {
        self.last_session += 1;
        for (at, with) in [(one, other), (other, one)] {
            let peer = self.processes[with].branch;
            self.processes[at].sessions[peer] = Some((with, self.last_session));
        }
        self.forget_parcels();
        for (at, with) in [(one, other), (other, one)] {
            let peer = id(self.processes[with].branch);
            let life = self.processes[with].replica.own();
            self.step(at, Input::LinkUp(peer))?;
            self.step(at, Input::Met(life))?;
        }
        Ok(())
    }

    fn notice(&mut self, process: usize, peer: usize) -> Result<(), Breach> {
        self.processes[process].sessions[peer] = None;
        self.forget_parcels();
        self.step(process, Input::LinkDown(id(peer)))
    }

    fn saved(&mut self, process: usize) -> Result<(), Breach> {
        let own = self.processes[process].branch;
        let Some(save) = self.processes[process].saving.take() else { return Ok(()) };
        let directory = self.with_save(process, &save);
        let directory = self.directory(own, directory);
        let at = &mut self.processes[process];
        at.previous = at.directory.replace(directory).filter(|before| !before.is_new());
        self.step(process, Input::Saved(save.number))
    }

    fn with_save(&self, process: usize, save: &Save) -> Copy {
        let before = self.processes[process].directory.as_ref();
        let mut copy = before.map(|directory| directory.copy.clone()).unwrap_or_default();
        let Ok(()) = copy.save(save);
        copy
    }

    fn crash(&mut self, number: usize, how: Crash) {
        let at = &self.processes[number];
        let own = at.branch;
        self.ended.push(Ended { branch: own, born: at.born, counts: at.counts });
        let directory = match how {
            Crash::Kept => {
                self.left.kept -= 1;
                at.directory.clone()
            }
            Crash::KeptSaved => {
                self.left.kept -= 1;
                let save = at.saving.clone();
                save.map(|save| self.directory(own, self.with_save(number, &save))).or(at.directory.clone())
            }
            Crash::Lost => {
                self.left.lost -= 1;
                self.setting.disks.then(|| self.directory(own, Copy::default()))
            }
            Crash::Older => {
                self.left.older -= 1;
                at.previous.clone()
            }
        };
        self.processes[number] = self.start(own, directory);
        self.forget_parcels();
    }

    fn tick(&mut self) -> Result<(), Breach> {
        let deadlines = self.processes.iter().filter_map(|process| process.replica.next_deadline());
        let Some(next) = deadlines.min() else { return Ok(()) };
        self.now = self.now.max(next);
        for process in 0..self.processes.len() {
            if self.processes[process].replica.next_deadline().is_some_and(|due| due <= self.now) {
                self.step(process, Input::Tick)?;
            }
        }
        Ok(())
    }

    /// Every two of these processes meet.
    pub fn meet_all(&mut self, processes: &[usize]) -> Result<(), Breach> {
        for (position, &one) in processes.iter().enumerate() {
            for &other in &processes[position + 1..] {
                if self.setting.is_linked(self.processes[one].branch, self.processes[other].branch) {
                    self.meet(one, other)?;
                }
            }
        }
        Ok(())
    }

    /// Every session that goes on at one end only is noticed.
    pub fn notice_all(&mut self) -> Result<(), Breach> {
        for process in 0..self.processes.len() {
            for peer in 0..self.setting.branches {
                let session = self.processes[process].sessions[peer];
                if session.is_some_and(|(with, _)| !self.is_met(process, with)) {
                    self.notice(process, peer)?;
                }
            }
        }
        Ok(())
    }

    /// Lets everything arrive and every save end, until no deadline is left.
    pub fn settle(&mut self) -> Result<(), Breach> {
        for _ in 0..20_000 {
            if let Some(number) = (0..self.processes.len()).find(|&number| self.processes[number].saving.is_some()) {
                self.saved(number)?;
                continue;
            }
            let ready = |number: usize| (0..self.setting.branches).find(|&at| self.processes[number].is_ready(at));
            if let Some((number, peer)) =
                (0..self.processes.len()).find_map(|number| ready(number).map(|peer| (number, peer)))
            {
                self.poll(number, peer);
                continue;
            }
            if !self.parcels.is_empty() {
                let parcel = self.parcels.remove(0);
                self.deliver(parcel)?;
                continue;
            }
            if self.processes.iter().all(|process| process.replica.next_deadline().is_none()) {
                return Ok(());
            }
            self.tick()?;
        }
        Err(Breach { law: Law::Heals, what: "it never falls silent".to_owned() })
    }

    /// What tells this state from others.
    pub fn name(&mut self) -> u64 {
        for process in &mut self.processes {
            let replica = &process.replica;
            process.name.get_or_insert_with(|| {
                let mut writer = Name::default();
                write!(writer, "{replica:?}").expect("a hasher takes all");
                writer.0.finish()
            });
        }
        let mut hasher = DefaultHasher::new();
        self.now.0.hash(&mut hasher);
        for (number, process) in self.processes.iter().enumerate() {
            (process.name, process.born, process.ready, &process.heard, &process.open).hash(&mut hasher);
            let directories = [&process.directory, &process.previous];
            directories.map(|directory| directory.as_ref().map(|directory| directory.name)).hash(&mut hasher);
            // What the save has follows from the directory and from the replica, but for when it was taken.
            process.saving.as_ref().map(|save| (save.number, format!("{save:?}"))).hash(&mut hasher);
            for session in &process.sessions {
                session.map(|(with, _)| (with, self.is_met(number, with))).hash(&mut hasher);
            }
        }
        let mut parcels = 0_u64;
        let mut places: BTreeMap<(usize, usize), u64> = BTreeMap::new();
        for parcel in &self.parcels {
            let place = places.entry((parcel.from, parcel.to)).or_default();
            let mut one = DefaultHasher::new();
            (parcel.from, parcel.to, parcel.born, parcel.name).hash(&mut one);
            if self.setting.network == Ways::Ordered {
                place.hash(&mut one);
                *place += 1;
            }
            // In whatever order they stand.
            parcels = parcels.wrapping_add(one.finish());
        }
        (parcels, &self.asked, self.left, &self.ended).hash(&mut hasher);
        hasher.finish()
    }
}

fn load(copy: &Copy) -> Saved {
    let Ok(saved) = copy.clone().load();
    saved
}

fn index(branch: BranchId) -> usize {
    branch.value() as usize - 1
}

fn ticket(ask: usize, tries: u8) -> u64 {
    ask as u64 * 8 + u64::from(tries)
}

/// Takes the text of a value into a hash, less the time of a replica's last step, which decides nothing.
#[derive(Default)]
struct Name(DefaultHasher, bool);

impl Write for Name {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.1 && text == ", " {
            self.1 = false;
        }
        self.1 |= text == "now";
        if !self.1 {
            self.0.write(text.as_bytes());
        }
        Ok(())
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, process) in self.processes.iter().enumerate() {
            let Process { replica, counts, directory, .. } = process;
            let (own, version) = (replica.own(), replica.version());
            let disk = directory.as_ref().map(|directory| directory.counts);
            writeln!(f, "  process {number} is {own}: {version}, counts {counts:?}, its directory {disk:?}")?;
        }
        for (number, asked) in self.asked.iter().enumerate() {
            writeln!(f, "  request {number}: {asked:?}")?;
        }
        Ok(())
    }
}
