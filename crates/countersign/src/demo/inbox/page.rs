//! The inbox as a page. Everything shown is escaped by the template; a mail's HTML is only ever shown in a frame of its own.

use std::sync::Arc;

use askama::Template;

use super::mailbox::Numbered;
use super::message::{Message, Piece};

#[derive(Template)]
#[template(path = "demo/inbox.html")]
struct Page {
    arrived: u64,
    entries: Vec<Entry>,
}

struct Entry {
    number: u64,
    message: Arc<Message>,
}

impl Entry {
    fn sent_at(&self) -> String {
        self.message.sent_at()
    }

    /// `14:03:27`: for the eye, beside the full time in the element's attribute.
    fn clock_time(&self) -> String {
        self.message.sent_at().get(11..19).unwrap_or_default().to_owned()
    }

    fn channel_label(&self) -> &'static str {
        match self.message.channel {
            super::message::Channel::Email => "Mail",
            super::message::Channel::Sms => "SMS",
        }
    }
}

/// The whole page; `arrived` is what the page's script compares to learn of news.
pub(super) fn render(arrived: u64, messages: Vec<Numbered>) -> askama::Result<String> {
    let entries = messages.into_iter().map(|Numbered { number, message }| Entry { number, message }).collect();
    Page { arrived, entries }.render()
}
