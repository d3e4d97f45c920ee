//! Projects and their documents: immutable revisions, changed all at once or not at all.

use countersign_engine::{id::ProjectId, time::Timestamp};

use super::list::{self, ListChange};
use crate::{Keys, Operation, Row, Sql, StoreError, Tx};

static PROJECTS: Sql = Sql::same("SELECT project_id, slug, revision FROM projects ORDER BY project_id");
static PROJECT: Sql = Sql::same("SELECT slug, revision FROM projects WHERE project_id = $1");
static INSERT_PROJECT: Sql =
    Sql::same("INSERT INTO projects (project_id, slug, revision, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)");
// The guard: whoever changes the project from the revision that they saw is the one whose changes count.
static BUMP: Sql =
    Sql::same("UPDATE projects SET revision = $1, updated_at = $2 WHERE project_id = $3 AND revision = $4");
static DOCUMENTS: Sql = Sql::same(
    "SELECT d.kind, d.document_id, d.revision, d.name, d.body, d.author, d.created_at FROM documents d \
     WHERE d.project_id = $1 AND d.body IS NOT NULL AND d.revision = (SELECT max(x.revision) FROM documents x \
     WHERE x.project_id = d.project_id AND x.kind = d.kind AND x.document_id = d.document_id AND x.revision <= $2) \
     ORDER BY d.kind, d.document_id",
);
static INSERT_DOCUMENT: Sql = Sql::same(
    "INSERT INTO documents (project_id, kind, document_id, revision, name, body, author, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
);

pub(crate) const ALL: &[&Sql] = &[&PROJECTS, &PROJECT, &INSERT_PROJECT, &BUMP, &DOCUMENTS, &INSERT_DOCUMENT];

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DocumentKind {
    /// The project's settings; there is one.
    Settings,
    /// A key pair.
    Key,
    /// A challenge config.
    ChallengeConfig,
    /// A policy.
    Policy,
    /// A list, without its entries.
    List,
    /// A risk.
    Risk,
    /// An endpoint that hears of events.
    Webhook,
}

impl DocumentKind {
    const ALL: [Self; 7] =
        [Self::Settings, Self::Key, Self::ChallengeConfig, Self::Policy, Self::List, Self::Risk, Self::Webhook];

    /// The word kept in the store and shown to people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Key => "key",
            Self::ChallengeConfig => "challenge_config",
            Self::Policy => "policy",
            Self::List => "list",
            Self::Risk => "risk",
            Self::Webhook => "webhook",
        }
    }
}

/// A project's place in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectRow {
    /// Its id.
    pub id: ProjectId,
    /// The name that files and commands use.
    pub slug: String,
    /// The revision of its newest document.
    pub revision: i64,
}

/// Reads every project's place: cheap enough to be asked twice a second.
#[derive(Clone, Copy, Debug)]
pub struct ReadProjects;

impl Operation for ReadProjects {
    type Out = Vec<ProjectRow>;

    async fn run<T: Tx>(&self, tx: &T) -> Result<Vec<ProjectRow>, StoreError> {
        let rows = tx.read(&PROJECTS, &[]).await?;
        rows.iter()
            .map(|row| {
                Ok(ProjectRow {
                    id: ProjectId::from_bytes(row.id(0)?),
                    slug: row.text(1)?.to_owned(),
                    revision: row.int(2)?,
                })
            })
            .collect()
    }
}

/// One document, in one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentRow {
    /// What it is.
    pub kind: DocumentKind,
    /// Its id.
    pub id: [u8; 16],
    /// Since which revision of the project it says this.
    pub revision: i64,
    /// Its name.
    pub name: String,
    /// What it says: JSON.
    pub body: String,
    /// Who wrote this revision.
    pub author: String,
    /// When.
    pub created_at: Timestamp,
}

/// Reads a project's documents as of a revision.
#[derive(Clone, Copy, Debug)]
pub struct ReadDocuments {
    /// Whose.
    pub project: ProjectId,
    /// As of when: `i64::MAX` for now.
    pub revision: i64,
}

impl Operation for ReadDocuments {
    /// The project and its documents, read in one snapshot; `None` when there is no such project.
    type Out = Option<(ProjectRow, Vec<DocumentRow>)>;

    async fn run<T: Tx>(&self, tx: &T) -> Result<Self::Out, StoreError> {
        let project = self.project.to_bytes();
        let found = tx.read(&PROJECT, &[(&project).into()]).await?;
        let Some(found) = found.first() else { return Ok(None) };
        let row = ProjectRow { id: self.project, slug: found.text(0)?.to_owned(), revision: found.int(1)? };
        let documents = tx.read(&DOCUMENTS, &[(&project).into(), self.revision.into()]).await?;
        Ok(Some((row, documents.iter().map(decode).collect::<Result<_, _>>()?)))
    }
}

/// One document's change; without a body, its deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentChange {
    /// What it is.
    pub kind: DocumentKind,
    /// Its id.
    pub id: [u8; 16],
    /// Its name.
    pub name: String,
    /// What it says from now on: JSON.
    pub body: Option<String>,
}

/// Changes a project's documents, all in one new revision; makes the project if `base` is 0.
#[derive(Clone, Debug)]
pub struct ChangeProject {
    /// Which project.
    pub project: ProjectId,
    /// Its slug, if it is made.
    pub slug: String,
    /// The revision that the changes were made from.
    pub base: i64,
    /// The changes.
    pub changes: Vec<DocumentChange>,
    /// Changes of lists' entries, in the same transaction.
    pub lists: Vec<ListChange>,
    /// Who makes them.
    pub author: String,
    /// Now.
    pub now: Timestamp,
}

/// Somebody else changed the project first: read again, and decide again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stale;

impl Operation for ChangeProject {
    /// The new revision.
    type Out = Result<i64, Stale>;

    fn project(&self) -> [u8; 16] {
        self.project.to_bytes()
    }

    fn keys(&self, keys: &mut Keys) {
        // A slug is taken once among all projects.
        if self.base == 0 {
            keys.hold(&[0; 16], "slug", &self.slug);
        }
    }

    async fn run<T: Tx>(&self, tx: &T) -> Result<Self::Out, StoreError> {
        let project = self.project.to_bytes();
        let revision = self.base + 1;
        if self.base == 0 {
            let taken = tx.read(&PROJECTS, &[]).await?;
            for row in &taken {
                if row.text(1)? == self.slug || row.id(0)? == project {
                    return Ok(Err(Stale));
                }
            }
            tx.claim(
                &INSERT_PROJECT,
                &[(&project).into(), self.slug.as_str().into(), revision.into(), self.now.millis().into()],
            )
            .await?;
        } else {
            let params = [revision.into(), self.now.millis().into(), (&project).into(), self.base.into()];
            if tx.claim(&BUMP, &params).await? != 1 {
                return Ok(Err(Stale));
            }
        }
        for change in &self.changes {
            tx.write(
                &INSERT_DOCUMENT,
                &[
                    (&project).into(),
                    change.kind.as_str().into(),
                    (&change.id).into(),
                    revision.into(),
                    change.name.as_str().into(),
                    change.body.as_deref().into(),
                    self.author.as_str().into(),
                    self.now.millis().into(),
                ],
            );
        }
        for change in &self.lists {
            list::change(tx, &project, change, self.now);
        }
        tx.announce();
        Ok(Ok(revision))
    }
}

fn decode(row: &Row) -> Result<DocumentRow, StoreError> {
    let kind = row.text(0)?;
    let kind = DocumentKind::ALL.into_iter().find(|known| known.as_str() == kind);
    Ok(DocumentRow {
        kind: kind.ok_or(StoreError::Corrupt { what: "document kind" })?,
        id: row.id(1)?,
        revision: row.int(2)?,
        name: row.text(3)?.to_owned(),
        body: row.text(4)?.to_owned(),
        author: row.text(5)?.to_owned(),
        created_at: Timestamp::from_millis(row.int(6)?),
    })
}
