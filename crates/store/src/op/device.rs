//! What a browser says about itself as a device.

use countersign_engine::{
    event::{DeviceStatus, Event},
    id::{BrowserId, ProjectId},
    time::Timestamp,
};

use crate::{Operation, StoreError, Tx, row};

/// Detaches a browser from every user that it is attached to: they logged out there.
#[derive(Clone, Copy, Debug)]
pub struct DetachBrowser {
    /// The project.
    pub project: ProjectId,
    /// Which browser.
    pub browser: BrowserId,
    /// Devices last used before this have lost their places already.
    pub unused_since: Timestamp,
    /// Now.
    pub now: Timestamp,
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
        for (user, device, seen) in &attached {
            // Held, so that an evaluation under way doesn't write back what is taken here.
            row::user::by_id(tx, &project, *user).await?;
            row::device::detach(tx, &project, *user, *device);
            if *seen >= self.unused_since.millis() {
                let event = Event::of_device(*user, (*device, None), DeviceStatus::Detached);
                row::event::tell(tx, &project, &event, self.now)?;
            }
        }
        // One is enough to be told of: whoever used it last.
        if let Some((user, ..)) = attached.iter().max_by_key(|(_, _, seen)| *seen) {
            row::presence::log_out(tx, &project, self.browser, *user, self.now);
            tx.announce();
        }
        Ok(attached.len())
    }
}
