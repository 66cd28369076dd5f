//! The customers of the simulation: one operation at a time each, tried again under one name until
//! there is an answer or no patience left.

use std::collections::VecDeque;

use super::{
    Act, Bug, Plan, Step,
    world::{Event, NodeIndex, World},
};
use crate::{
    check::{self, Invocation},
    replica::{Input, Request},
    types::{
        AccountId, Action, Amount, Answer, BranchId, ClientId, Concern, Duration, Operation, OperationKind, RequestId,
        Terms, Tried, Version,
    },
};

/// How long a branch may wait for a version or a concern.
const WAIT_US: u64 = 1_000_000;
/// How long a customer waits for the answer to one try.
const PATIENCE_US: u64 = WAIT_US + 200_000;
/// How often it tries.
const TRIES: u32 = 5;
/// One way between a customer and its branch.
const LATENCY_US: (u64, u64) = (50, 500);

/// What a customer is doing.
#[derive(Debug)]
struct Doing {
    step: usize,
    number: u64,
    id: u64,
    tries: u32,
}

/// Customers are counted in the order of their ids.
pub(super) type CustomerIndex = usize;

#[derive(Debug)]
struct Customer {
    id: u32,
    doing: Option<Doing>,
    /// At which branch its last operation is.
    place: Option<NodeIndex>,
    waiting: VecDeque<usize>,
    /// What it has seen.
    seen: Version,
    last_number: u64,
}

#[derive(Debug)]
pub(super) struct Customers {
    all: Vec<Customer>,
    last_id: u64,
    /// Operations that came to an end.
    pub(super) done: usize,
}

impl Customers {
    /// The customers of a plan.
    pub(super) fn of(plan: &Plan) -> Self {
        let mut ids: Vec<u32> = plan.operations.iter().map(|step| step.customer).collect();
        ids.sort_unstable();
        ids.dedup();
        let waiting = VecDeque::new;
        let customer =
            |id| Customer { id, doing: None, place: None, waiting: waiting(), seen: Version::EMPTY, last_number: 0 };
        Self { all: ids.into_iter().map(customer).collect(), last_id: 0, done: 0 }
    }

    fn find(&self, id: u32) -> Option<CustomerIndex> {
        self.all.binary_search_by_key(&id, |customer| customer.id).ok()
    }

    pub(super) fn id(&self, customer: CustomerIndex) -> u32 {
        self.all[customer].id
    }

    /// At which branch a customer's operation is.
    pub(super) fn place(&self, customer: CustomerIndex) -> Option<NodeIndex> {
        self.all[customer].place
    }

    /// A customer that waits.
    pub(super) fn waiting(&self) -> Option<CustomerIndex> {
        self.all.iter().position(|customer| customer.doing.is_some())
    }

    /// What a customer is doing, if it is still doing that.
    fn doing(&self, customer: CustomerIndex, number: u64) -> Option<&Doing> {
        self.all[customer].doing.as_ref().filter(|doing| doing.number == number)
    }

    /// How long the longest queue may take.
    pub(super) fn patience(&self) -> u64 {
        let longest = self.all.iter().map(|customer| customer.waiting.len() as u64 + 1).max().unwrap_or(0);
        longest * u64::from(TRIES) * PATIENCE_US
    }
}

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

    fn concern(&self) -> Concern {
        self.concern.into()
    }
}

impl World<'_> {
    pub(super) fn due(&mut self, step: usize) {
        let Some(customer) = self.customers.find(self.plan.operations[step].customer) else { return };
        self.customers.all[customer].waiting.push_back(step);
        self.next(customer);
    }

    /// Begins a customer's next operation, if it has nothing else to do.
    fn next(&mut self, customer: CustomerIndex) {
        let known = &mut self.customers.all[customer];
        if known.doing.is_some() {
            return;
        }
        let Some(position) = known.waiting.pop_front() else { return };
        let step = self.plan.operations[position];
        let (Some(action), Some(branch)) = (step.action(), BranchId::new(step.branch)) else {
            self.customers.done += 1;
            return self.next(customer);
        };
        known.last_number += 1;
        self.customers.last_id += 1;
        let (id, number) = (self.customers.last_id, known.last_number);
        known.doing = Some(Doing { step: position, number, id, tries: 0 });
        let at_least = if step.session { known.seen.clone() } else { Version::EMPTY };
        let request = matches!(action, Action::Write(_)).then_some(number);
        let concern = step.concern();
        known.place = Some(branch.value() as usize - 1);
        let client = known.id.into();
        self.note(|| check::Kind::Invoked(Invocation { id, client, request, branch, action, concern, at_least }));
        self.attempt(customer);
    }

    fn attempt(&mut self, customer: CustomerIndex) {
        let Some(doing) = &mut self.customers.all[customer].doing else { return };
        doing.tries += 1;
        let (number, attempt) = (doing.number, doing.tries);
        self.counts.retries += u64::from(attempt > 1);
        self.lose_patience_after(PATIENCE_US, Event::Impatient { customer, number, attempt });
        if !self.is_customer_loss() {
            let wait = self.customer_latency();
            self.after(wait, Event::Arrive { customer, number, attempt });
        }
    }

    pub(super) fn is_customer_loss(&mut self) -> bool {
        self.plan.network.customer_loss > 0.0 && !self.healed && self.rng.f64() < self.plan.network.customer_loss
    }

    pub(super) fn customer_latency(&mut self) -> u64 {
        self.rng.u64(LATENCY_US.0..=LATENCY_US.1)
    }

    /// A request reaches its branch. One that is down does not hear it.
    pub(super) fn arrive(&mut self, customer: CustomerIndex, number: u64, attempt: u32) {
        let Some(doing) = self.customers.doing(customer, number) else { return };
        let step = self.plan.operations[doing.step];
        let (Some(action), node) = (step.action(), step.branch as usize - 1) else { return };
        if self.nodes[node].replica.is_none() {
            return;
        }
        let known = &self.customers.all[customer];
        let tried = if attempt > 1 { Tried::Sometime } else { Tried::Never };
        let mut terms = Terms { concern: step.concern(), at_least: Version::EMPTY, wait: Duration(WAIT_US), tried };
        if step.session && !(self.has_bug(Bug::StaleReadServedAsFresh) && matches!(action, Action::Query { .. })) {
            terms.at_least = known.seen.clone();
        }
        if self.has_bug(Bug::ConcernIgnored) {
            terms.concern = Concern::Local;
        }
        let client = known.id.into();
        let is_named = matches!(action, Action::Write(_)) && !self.has_bug(Bug::RetryCountsTwice);
        let branch = &mut self.nodes[node];
        branch.last_ticket += 1;
        let ticket = branch.last_ticket;
        branch.tickets.insert(ticket, (customer, number));
        let request = Request {
            ticket,
            id: is_named.then_some(RequestId { client: ClientId(client), number }),
            action,
            deadline: self.now + terms.wait,
            terms,
            include_version: step.act == Act::Query(true),
        };
        self.step(node, Input::Request(request));
    }

    pub(super) fn impatient(&mut self, customer: CustomerIndex, number: u64, attempt: u32) {
        if self.customers.doing(customer, number).is_none_or(|doing| doing.tries != attempt) {
            return;
        }
        if attempt < TRIES {
            self.attempt(customer);
        } else {
            self.complete(customer, check::Outcome::Unknown);
        }
    }

    pub(super) fn answered(&mut self, customer: CustomerIndex, number: u64, answer: Answer) {
        let known = &mut self.customers.all[customer];
        if known.doing.as_ref().is_some_and(|doing| doing.number == number) {
            match &answer {
                Answer::Committed(committed) => known.seen.raise(committed.origin, committed.sequence),
                Answer::Queried(queried) => queried.version.iter().for_each(|version| known.seen.join(version)),
                Answer::Refused(_) => {}
            }
            self.complete(customer, check::Outcome::Answered(answer));
        }
    }

    fn complete(&mut self, customer: CustomerIndex, outcome: check::Outcome) {
        if let Some(Doing { id, .. }) = self.customers.all[customer].doing.take() {
            self.customers.done += 1;
            self.note(|| check::Kind::Completed { id, outcome });
            self.next(customer);
        }
    }

    /// The operation that an answer is to.
    pub(super) fn operation(&self, customer: CustomerIndex, number: u64) -> Option<Action> {
        let doing = self.customers.doing(customer, number)?;
        self.plan.operations[doing.step].action()
    }
}
