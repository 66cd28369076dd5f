//! The customers of the simulation: each does so many operations at a time as its window is wide, mostly one,
//! and tries each again under one name until there is an answer or no patience left.

use super::{
    Act, Bug, Name, Step,
    customer::{Doing, Named, PATIENCE_US, TRIES, WAIT_US},
    event::{Event, Stray},
    place::{CustomerIndex, NodeIndex},
    world::World,
};
use crate::{
    check::{self, Invocation},
    replica::{Input, Request},
    types::{
        AccountId, Action, Amount, Answer, BranchId, ClientId, Concern, Duration, Operation, OperationKind, RequestId,
        Terms, Tried, Version,
    },
};

/// How soon it tries again if it is told that its branch cannot.
pub(super) const RETRY_AFTER_US: u64 = 100_000;
/// One way between a customer and its branch.
const LATENCY_US: (u64, u64) = (50, 500);

impl Step {
    /// What is asked for. An amount out of range is not asked for, as a customer's library would not.
    fn action(&self) -> Option<Action> {
        let account = AccountId(self.account.into());
        let write =
            |kind, amount| Amount::new(amount).ok().map(|amount| Action::Write(Operation { kind, account, amount }));
        match self.act {
            Act::Query(_) => Some(Action::Query { account }),
            Act::Deposit(amount) => write(OperationKind::Deposit, amount),
            Act::Withdraw(amount) => write(OperationKind::Withdraw, amount),
        }
    }
}

impl World<'_> {
    pub(super) fn due(&mut self, step: usize) {
        let Some(customer) = self.customers.find(self.plan.operations[step].customer) else { return };
        self.customers.all[customer].waiting.push_back(step);
        self.next(customer);
    }

    /// Begins a customer's next operations, as many as it has room for.
    fn next(&mut self, customer: CustomerIndex) {
        let window = self.plan.window as usize;
        while self.customers.all[customer].doing.len() < window
            && let Some(position) = self.customers.all[customer].waiting.pop_front()
        {
            self.begin(customer, position);
        }
    }

    fn begin(&mut self, customer: CustomerIndex, position: usize) {
        let step = self.plan.operations[position];
        let (Some(action), Some(branch)) = (step.action(), BranchId::new(step.branch)) else {
            self.customers.done += 1;
            return;
        };
        let known = &mut self.customers.all[customer];
        known.last_number += 1;
        self.customers.last_id += 1;
        let id = self.customers.last_id;
        let is_write = matches!(action, Action::Write(_));
        // Of two different writes of one name, either may be the one that counts, unless the first is done.
        let is_same = |last: &Named| last.is_done || (last.act, last.account) == (step.act, step.account);
        let last = known.last_write.filter(|last| last.branch == step.branch && is_same(last));
        let last = last.filter(|_| is_write && step.name == Name::Last);
        let number = match (step.name, last) {
            (Name::Nothing, _) => None,
            (Name::Last, Some(last)) => Some(last.number),
            (Name::New | Name::Last, _) => Some(known.last_number),
        };
        if let (true, None, Some(number)) = (is_write, last, number) {
            let Step { branch, act, account, .. } = step;
            known.last_write = Some(Named { number, branch, act, account, is_done: false });
        }
        let again = last.is_some();
        let tried = if again { Tried::Sometime } else { Tried::Never };
        let at_least = if step.session { known.seen.clone() } else { Version::EMPTY };
        let named = at_least.clone();
        known.doing.push(Doing { step: position, number, id, tries: 0, again, tried, life: None, at_least: named });
        let request = number.filter(|_| is_write);
        let concern = step.concern;
        let client = known.id.into();
        self.note(|| check::Kind::Invoked(Invocation { id, client, request, branch, action, concern, at_least }));
        self.attempt(customer, id);
    }

    fn attempt(&mut self, customer: CustomerIndex, id: u64) {
        let Some(doing) = self.customers.all[customer].doing.iter_mut().find(|doing| doing.id == id) else { return };
        doing.tries += 1;
        let (attempt, branch) = (doing.tries, self.plan.operations[doing.step].branch);
        if attempt > 1 {
            self.counts.retries += 1;
            doing.tried = match (doing.tried, doing.life) {
                (Tried::Never, Some(life)) => Tried::In(life),
                (Tried::In(before), Some(life)) if before == life => Tried::In(life),
                _ => Tried::Sometime,
            };
        }
        let node = self.door(branch as usize - 1);
        if self.plan.names_life {
            let life = self.nodes[node].replica.as_ref().map(|replica| replica.own().incarnation);
            let Some(doing) = self.customers.all[customer].doing.iter_mut().find(|doing| doing.id == id) else {
                return;
            };
            let before = std::mem::replace(&mut doing.life, life);
            // Of two processes, neither knows what the other did: nobody can ask again without asking twice.
            if before.is_some() && before != life && self.was_doubled.contains(&(branch as usize - 1)) {
                return self.complete(customer, id, check::Outcome::Unknown);
            }
        }
        self.lose_patience_after(PATIENCE_US, Event::Impatient { customer, id, attempt });
        let goes_astray = self.plan.network.strays.is_some() && self.go_astray(customer, id, node);
        if !goes_astray && !self.is_customer_loss() {
            let wait = self.customer_latency();
            self.after(wait, Event::Arrive { customer, id, attempt, node: node as u32 });
        }
    }

    /// A copy of a request goes its own, longer way. Returns whether it is the only one: what has no name
    /// would count twice.
    fn go_astray(&mut self, customer: CustomerIndex, id: u64, node: NodeIndex) -> bool {
        let Some(strays) = self.plan.network.strays else { return false };
        if self.healed || self.rng.f64() >= strays.share {
            return false;
        }
        let (wait, life) = (self.rng.u64(0..=strays.within_us), self.nodes[node].life);
        let attempt = self.customers.attempt(customer, id).unwrap_or(1);
        let Some(request) = self.request(customer, id, attempt) else { return false };
        let is_only = request.id.is_none();
        self.after(wait, Event::Stray(Box::new(Stray { customer, id, node, life, request })));
        is_only
    }

    /// A copy of a request reaches the process that it was sent to, if that is still there.
    pub(super) fn stray(&mut self, stray: Stray) {
        let Stray { customer, id, node, life, request } = stray;
        if self.nodes[node].life == life && self.nodes[node].replica.is_some() {
            self.counts.strays += 1;
            self.ask(node, customer, id, request);
        }
    }

    pub(super) fn is_customer_loss(&mut self) -> bool {
        self.plan.network.customer_loss > 0.0 && !self.healed && self.rng.f64() < self.plan.network.customer_loss
    }

    pub(super) fn customer_latency(&mut self) -> u64 {
        self.rng.u64(LATENCY_US.0..=LATENCY_US.1)
    }

    /// A request reaches its branch. One that is down does not hear it.
    pub(super) fn arrive(&mut self, customer: CustomerIndex, id: u64, attempt: u32, node: NodeIndex) {
        if self.nodes[node].replica.is_none() {
            return self.refuse_if_failed(node, customer, id);
        }
        let Some(doing) = self.customers.doing(customer, id) else { return };
        if self.plan.names_life {
            // It was sent to one life, on a connection that ends with it.
            let life = self.nodes[node].replica.as_ref().map(|replica| replica.own().incarnation);
            if doing.life != life || doing.tries != attempt {
                return;
            }
        }
        if let Some(request) = self.request(customer, id, attempt) {
            self.ask(node, customer, id, request);
        }
    }

    /// What a customer asks for, but for the ticket and the deadline that its branch gives it.
    fn request(&self, customer: CustomerIndex, id: u64, attempt: u32) -> Option<Request> {
        let doing = self.customers.doing(customer, id)?;
        let step = self.plan.operations[doing.step];
        let action = step.action()?;
        let known = &self.customers.all[customer];
        let tried = match attempt {
            _ if self.plan.names_life => doing.tried,
            1 if !doing.again => Tried::Never,
            _ => Tried::Sometime,
        };
        let mut terms = Terms { concern: step.concern, at_least: Version::EMPTY, wait: Duration(WAIT_US), tried };
        if step.session && !(self.has_bug(Bug::StaleReadServedAsFresh) && matches!(action, Action::Query { .. })) {
            terms.at_least = doing.at_least.clone();
        }
        if self.has_bug(Bug::ConcernIgnored) {
            terms.concern = Concern::Local;
        }
        let client = ClientId(known.id.into());
        let is_named = matches!(action, Action::Write(_)) && !self.has_bug(Bug::RetryCountsTwice);
        Some(Request {
            ticket: 0,
            id: doing.number.filter(|_| is_named).map(|number| RequestId { client, number }),
            action,
            deadline: self.now,
            terms,
            include_version: step.act == Act::Query(true),
        })
    }

    /// A branch hears a request.
    fn ask(&mut self, node: NodeIndex, customer: CustomerIndex, id: u64, request: Request) {
        let branch = &mut self.nodes[node];
        branch.last_ticket += 1;
        let ticket = branch.last_ticket;
        branch.tickets.insert(ticket, (customer, id));
        let deadline = self.now + request.terms.wait;
        self.step(node, Input::Request(Request { ticket, deadline, ..request }));
    }

    pub(super) fn impatient(&mut self, customer: CustomerIndex, id: u64, attempt: u32) {
        let Some(doing) = self.customers.doing(customer, id).filter(|doing| doing.tries == attempt) else { return };
        let is_write = matches!(self.plan.operations[doing.step].act, Act::Deposit(_) | Act::Withdraw(_));
        // What has no name would count again.
        let tries = if is_write && doing.number.is_none() { 1 } else { TRIES };
        if attempt < tries {
            self.attempt(customer, id);
        } else {
            self.complete(customer, id, check::Outcome::Unknown);
        }
    }

    pub(super) fn answered(&mut self, customer: CustomerIndex, id: u64, answer: Answer) {
        if let Some(doing) = self.customers.doing(customer, id) {
            let number = doing.number;
            let known = &mut self.customers.all[customer];
            match &answer {
                Answer::Committed(committed) => {
                    known.seen.raise(committed.origin, committed.sequence);
                    let last = known.last_write.as_mut().filter(|last| Some(last.number) == number);
                    last.into_iter().for_each(|last| last.is_done = true);
                }
                Answer::Queried(queried) => queried.version.iter().for_each(|version| known.seen.join(version)),
                Answer::Refused(_) => {}
            }
            self.complete(customer, id, check::Outcome::Answered(answer));
        }
    }

    fn complete(&mut self, customer: CustomerIndex, id: u64, outcome: check::Outcome) {
        let doing = &mut self.customers.all[customer].doing;
        if let Some(position) = doing.iter().position(|doing| doing.id == id) {
            doing.remove(position);
            self.customers.done += 1;
            self.note(|| check::Kind::Completed { id, outcome });
            self.next(customer);
        }
    }

    /// The operation that an answer is to.
    pub(super) fn operation(&self, customer: CustomerIndex, id: u64) -> Option<Action> {
        let doing = self.customers.doing(customer, id)?;
        self.plan.operations[doing.step].action()
    }
}
