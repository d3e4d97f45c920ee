//! The shop's customers.
//!
//! Knows nothing of HTTP or of Countersign, except that a sign-up may be waiting for one evaluation: such an account
//! exists, and can't be used.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::request::random_hex;

/// Accounts held at most; the shop then takes no more.
const MAX_ACCOUNTS: usize = 10_000;
/// The shortest password accepted, in characters.
pub const MIN_PASSWORD: usize = 8;
/// The longest, in bytes: nobody types more, and hashing is not free.
const MAX_PASSWORD: usize = 256;

/// A password on its way to be hashed; never printed.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub struct Password(String);

impl Password {
    /// Whether its length is acceptable for a new account.
    pub fn is_acceptable(&self) -> bool {
        self.0.chars().count() >= MIN_PASSWORD && self.0.len() <= MAX_PASSWORD
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A salted digest of a password.
#[derive(Clone)]
struct PasswordHash {
    salt: String,
    digest: [u8; 32],
}

impl PasswordHash {
    fn new(password: &Password) -> Option<Self> {
        let salt = random_hex(16)?;
        Some(Self { digest: digest(&salt, password), salt })
    }

    fn matches(&self, password: &Password) -> bool {
        self.digest.ct_eq(&digest(&self.salt, password)).into()
    }
}

fn digest(salt: &str, password: &Password) -> [u8; 32] {
    Sha256::new().chain_update(salt).chain_update(&password.0).finalize().into()
}

/// What a customer is: the part of an account that may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// The shop's own id of the user (`cus_…`), which Countersign calls `user.id`.
    pub id: String,
    /// The e-mail address, in lower case.
    pub email: String,
    /// The plan chosen at sign-up: `reader` or `patron`.
    pub plan: String,
}

/// Whether an account may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Waits for the challenge of this evaluation.
    Pending {
        evaluation_id: String,
    },
    Active,
}

struct Account {
    customer: Customer,
    password: PasswordHash,
    state: State,
}

/// Why no account was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Somebody uses this address already.
    Taken,
    /// The shop's memory is full, or the system gives no random numbers.
    Full,
}

/// What a password is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// It opens this account.
    Right(Customer),
    /// It is right, but the sign-up was never confirmed.
    Unconfirmed,
    /// No such account, or another password: the two are not told apart.
    Wrong,
}

/// All accounts, by e-mail address.
#[derive(Default)]
pub struct Accounts {
    by_email: Mutex<HashMap<String, Account>>,
}

impl Accounts {
    /// Makes an account: active at once, or waiting for `pending`'s challenge. A sign-up that was never confirmed gives
    /// way to a newer one, so that nobody can block an address that isn't theirs.
    pub fn create(
        &self,
        email: &str,
        plan: &str,
        password: &Password,
        pending: Option<&str>,
    ) -> Result<Customer, Refused> {
        let id = random_hex(8).ok_or(Refused::Full)?;
        let customer = Customer { id: format!("cus_{id}"), email: email.to_owned(), plan: plan.to_owned() };
        let password = PasswordHash::new(password).ok_or(Refused::Full)?;
        let state = pending.map_or(State::Active, |id| State::Pending { evaluation_id: id.to_owned() });

        let mut accounts = self.lock();
        match accounts.get(email) {
            Some(Account { state: State::Active, .. }) => return Err(Refused::Taken),
            None if accounts.len() >= MAX_ACCOUNTS => return Err(Refused::Full),
            Some(_) | None => {}
        }
        accounts.insert(email.to_owned(), Account { customer: customer.clone(), password, state });
        Ok(customer)
    }

    /// Whether somebody uses this address already; a sign-up that waits does not count.
    pub fn is_taken(&self, email: &str) -> bool {
        matches!(self.lock().get(email), Some(Account { state: State::Active, .. }))
    }

    /// Activates the sign-up that waits for `evaluation_id`; `None` where a newer one took its place.
    pub fn activate(&self, email: &str, evaluation_id: &str) -> Option<Customer> {
        let mut accounts = self.lock();
        let account = accounts.get_mut(email)?;
        let waits = matches!(&account.state, State::Pending { evaluation_id: id } if id == evaluation_id);
        if !waits {
            return None;
        }
        account.state = State::Active;
        Some(account.customer.clone())
    }

    /// What `password` is good for at `email`.
    pub fn check(&self, email: &str, password: &Password) -> Credentials {
        match self.lock().get(email) {
            Some(account) if account.password.matches(password) => match account.state {
                State::Active => Credentials::Right(account.customer.clone()),
                State::Pending { .. } => Credentials::Unconfirmed,
            },
            _ => Credentials::Wrong,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Account>> {
        // No holder of the lock can panic half-way through a change.
        self.by_email.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
