//! What a browser says about itself as a device.

use countersign_engine::id::{BrowserId, ProjectId};

use crate::{Operation, StoreError, Tx, row};

/// Detaches a browser from every user that it is attached to: they logged out there.
#[derive(Clone, Copy, Debug)]
pub struct DetachBrowser {
    /// The project.
    pub project: ProjectId,
    /// Which browser.
    pub browser: BrowserId,
}

impl Operation for DetachBrowser {
    /// From how many users.
    type Out = usize;

    fn project(&self) -> [u8; 16] {
        self.project.to_bytes()
    }

    async fn run<T: Tx>(&self, tx: &T) -> Result<usize, StoreError> {
        let project = self.project.to_bytes();
        let attached = row::device::of_browser(tx, &project, self.browser).await?;
        for (user, device) in &attached {
            // Held, so that an evaluation under way doesn't write back what is taken here.
            row::user::by_id(tx, &project, *user).await?;
            row::device::detach(tx, &project, *user, *device);
        }
        Ok(attached.len())
    }
}
