//! What the site's server says about a user, and their devices.

use countersign_engine::{
    event::{Event, EventKind},
    history::User,
    id::{ProjectId, UserId},
    profile::Profile,
    text::{Email, ExternalId, Metadata, Phone},
    time::Timestamp,
    window::Activity,
};

use crate::{
    Keys, Operation, StoreError, Tx,
    row::{self, device::DeviceRow, user::UserRef},
};

/// A user, by the site's id or ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserSelector {
    /// The site's.
    External(ExternalId),
    /// Ours.
    Ours(UserId),
}

async fn find<T: Tx>(tx: &T, project: &[u8; 16], wanted: &UserSelector) -> Result<Option<User>, StoreError> {
    match wanted {
        UserSelector::External(id) => row::user::by_ref(tx, project, &UserRef::external(id)).await,
        UserSelector::Ours(id) => row::user::by_id(tx, project, *id).await,
    }
}

/// What to change; whatever is absent stays. `Some(None)` takes a value away.
#[derive(Clone, Debug, Default)]
pub struct UserUpdate {
    /// The e-mail address.
    pub email: Option<Option<Email>>,
    /// The phone number.
    pub phone: Option<Option<Phone>>,
    /// Entries to merge into the metadata; `null` removes one.
    pub metadata: Option<Metadata>,
    /// Ids of all groups.
    pub groups: Option<Vec<String>>,
    /// Whether the site has proof that the e-mail address is the user's.
    pub email_verified: Option<bool>,
    /// Whether the site has proof that the phone number is the user's.
    pub phone_verified: Option<bool>,
    /// Whether the user is suspended.
    pub suspended: Option<bool>,
}

/// Changes a user, and makes one that was never seen.
#[derive(Clone, Debug)]
pub struct UpdateUser {
    /// The caller's project.
    pub project: ProjectId,
    /// Which user.
    pub user: UserSelector,
    /// What to change.
    pub update: UserUpdate,
    /// The id of the user if it must be made.
    pub new_id: UserId,
    /// Now.
    pub now: Timestamp,
}

/// What came of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Updated {
    /// Done.
    Done,
    /// There is no user with that id of ours.
    NotFound,
    /// The metadata would be over its limits.
    MetadataTooLarge,
    /// There is no address to be called verified.
    NothingToVerify,
}

impl Operation for UpdateUser {
    type Out = Updated;

    fn project(&self) -> [u8; 16] {
        self.project.to_bytes()
    }

    fn keys(&self, keys: &mut Keys) {
        let update = &self.update;
        let external = match &self.user {
            UserSelector::External(id) => Some(UserRef::external(id)),
            UserSelector::Ours(_) => None,
        };
        let email = update.email.iter().flatten().map(UserRef::email);
        let phone = update.phone.iter().flatten().map(UserRef::phone);
        external.into_iter().chain(email).chain(phone).for_each(|by| by.hold(keys, &self.project.to_bytes()));
    }

    async fn run<T: Tx>(&self, tx: &T) -> Result<Updated, StoreError> {
        let project = self.project.to_bytes();
        let found = match find(tx, &project, &self.user).await? {
            Some(user) => Some(user),
            None => self.adopt(tx, &project).await?,
        };
        let mut user = match (found, &self.user) {
            (Some(user), _) => user,
            (None, UserSelector::External(id)) => new_user(self.new_id, id.clone(), self.now),
            (None, UserSelector::Ours(_)) => return Ok(Updated::NotFound),
        };
        let was_suspended = user.suspended_at.is_some();
        if let Some(refused) = self.apply(&mut user) {
            return Ok(refused);
        }
        row::user::save(tx, &project, &user, self.now)?;
        let told = match (was_suspended, user.suspended_at.is_some()) {
            (false, true) => Some(EventKind::UserSuspended),
            (true, false) => Some(EventKind::UserUnsuspended),
            _ => None,
        };
        if let Some(kind) = told {
            row::event::tell(tx, &project, &Event::of_user(kind, user.id), self.now)?;
        }
        if let Some(id) = &user.external_id {
            row::user::save_ref(tx, &project, &UserRef::external(id), user.id);
        }
        // From now on a sign-up with this address, which knows no id, is recognised as this user.
        if let Some(Some(email)) = &self.update.email {
            row::user::save_ref(tx, &project, &UserRef::email(email), user.id);
        }
        if let Some(Some(phone)) = &self.update.phone {
            row::user::save_ref(tx, &project, &UserRef::phone(phone), user.id);
        }
        Ok(Updated::Done)
    }
}

impl UpdateUser {
    /// A sign-up is evaluated before the site has an id for the user. When its server then names the address for a new
    /// id, the user that the sign-up made gets that id. Only the server's word does this: a browser could claim anybody's
    /// address.
    async fn adopt<T: Tx>(&self, tx: &T, project: &[u8; 16]) -> Result<Option<User>, StoreError> {
        let UserSelector::External(id) = &self.user else { return Ok(None) };
        let by = match (&self.update.email, &self.update.phone) {
            (Some(Some(email)), _) => UserRef::email(email),
            (_, Some(Some(phone))) => UserRef::phone(phone),
            _ => return Ok(None),
        };
        let nameless = row::user::by_ref(tx, project, &by).await?.filter(|user| user.external_id.is_none());
        Ok(nameless.map(|user| User { external_id: Some(id.clone()), ..user }))
    }

    fn apply(&self, user: &mut User) -> Option<Updated> {
        let update = &self.update;
        if let Some(email) = &update.email {
            user.email.clone_from(email);
        }
        if let Some(phone) = &update.phone {
            user.phone.clone_from(phone);
        }
        if let Some(groups) = &update.groups {
            user.groups.clone_from(groups);
        }
        if let Some(metadata) = &update.metadata {
            match user.metadata.clone().merged(metadata.clone()) {
                Ok(merged) => user.metadata = merged,
                Err(_) => return Some(Updated::MetadataTooLarge),
            }
        }
        match update.suspended {
            Some(true) => user.suspended_at = user.suspended_at.or(Some(self.now)),
            Some(false) => user.suspended_at = None,
            None => {}
        }
        match update.email_verified {
            Some(true) if user.email.is_none() => return Some(Updated::NothingToVerify),
            Some(true) => user.verified_email.clone_from(&user.email),
            Some(false) => user.verified_email = None,
            None => {}
        }
        match update.phone_verified {
            Some(true) if user.phone.is_none() => return Some(Updated::NothingToVerify),
            Some(true) => user.verified_phone.clone_from(&user.phone),
            Some(false) => user.verified_phone = None,
            None => {}
        }
        None
    }
}

fn new_user(id: UserId, external_id: ExternalId, now: Timestamp) -> User {
    User {
        id,
        external_id: Some(external_id),
        email: None,
        phone: None,
        verified_email: None,
        verified_phone: None,
        metadata: Metadata::default(),
        groups: Vec::new(),
        suspended_at: None,
        created_at: now,
        skipped: 0,
        activity: Activity::default(),
        profile: Profile::default(),
    }
}

/// Reads the devices that were ever attached to a user.
#[derive(Clone, Debug)]
pub struct UserDevices {
    /// The caller's project.
    pub project: ProjectId,
    /// Whose.
    pub user: UserSelector,
}

impl Operation for UserDevices {
    /// `None` when there is no such user.
    type Out = Option<(User, Vec<DeviceRow>)>;

    async fn run<T: Tx>(&self, tx: &T) -> Result<Self::Out, StoreError> {
        let project = self.project.to_bytes();
        let Some(user) = find(tx, &project, &self.user).await? else { return Ok(None) };
        let devices = row::device::list(tx, &project, user.id).await?;
        Ok(Some((user, devices)))
    }
}
