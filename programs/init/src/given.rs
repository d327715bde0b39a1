//! What the kernel gives init.
use crate::Fatal;
use crate::journal::say;
use clavis_rt::Number;
use clavis_rt::abi::startup::EntryKind;
use clavis_rt::startup::Startup;

/// Startup handles that init cannot do without; the others it looks up when somebody is to have
/// them.
#[derive(Clone, Copy)]
pub(crate) struct Given {
    startup: &'static Startup<'static>,
    /// The root account.
    pub(crate) account: Number,
    /// The boot image.
    pub(crate) image: Number,
    /// The kernel log.
    pub(crate) log: Number,
    /// Factory of scheme endpoints.
    pub(crate) schemes: Number,
    /// Factory of slots.
    pub(crate) slots: Number,
    /// What init tells of the services.
    pub(crate) board: Option<Number>,
}

impl Given {
    pub(crate) fn new(startup: &'static Startup<'static>) -> Result<Given, Fatal> {
        let need = |kind, what: &str| {
            startup.handle(kind).ok_or_else(|| {
                say!("the kernel gave no {what}");
                Fatal
            })
        };
        Ok(Given {
            startup,
            account: need(EntryKind::Account, "account")?,
            image: need(EntryKind::BootImage, "boot image")?,
            log: need(EntryKind::Log, "log")?,
            schemes: need(EntryKind::FactoryScheme, "factory of schemes")?,
            slots: need(EntryKind::FactorySlot, "factory of slots")?,
            board: None,
        })
    }

    /// A handle of that kind.
    pub(crate) fn entry(&self, kind: EntryKind) -> Option<Number> {
        match kind {
            EntryKind::Board => self.board,
            EntryKind::Report => self.startup.handle(EntryKind::Audit),
            kind => self.startup.handle(kind),
        }
    }
}
