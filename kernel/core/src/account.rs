//! Accounts: who pays, and who is ended together.
use crate::prelude::*;

pub use clavis_abi::params::Resource;

/// Names an account.
pub type AccountId = Id<Account>;

/// The error of a resource that an account has used up.
fn exhausted(resource: Resource) -> Error {
    Error::new(match resource {
        Resource::Frames | Resource::KernelBytes => ENOMEM,
        Resource::Handles => EMFILE,
        Resource::Threads => EAGAIN,
        Resource::Requests => EDQUOT,
    })
}

/// An account. Its use counts in every account above it as well.
#[derive(Debug, Default)]
pub struct Account {
    pub(crate) parent: Option<AccountId>,
    depth: u8,
    limits: AccountLimits,
    /// What it and the accounts beneath it use.
    pub used: AccountLimits,
    /// Handles to it, and objects that name it as their payer.
    pub(crate) refs: u32,
    /// Accounts directly beneath it.
    pub children: List<Account, 0>,
    sibling: Link<Account>,
    /// Processes alive directly in it.
    pub processes: List<Process, 0>,
    /// How many processes are alive in it and beneath it.
    pub alive: u32,
    /// Who is told when the last process has ended.
    pub watchers: Watchers,
}

links!(Account, Account, [], 0 => sibling);

/// As [`Kernel::charge`], where the rest of the kernel is in use.
#[inline]
pub(crate) fn charge(
    accounts: &mut Arena<Account>,
    id: AccountId,
    resource: Resource,
    n: u64,
) -> Result<()> {
    let mut at = Some(id);
    while let Some(account) = at {
        let Account { limits, used, parent, .. } = &mut accounts[account];
        let after = used.get(resource).checked_add(n);
        match after.filter(|after| *after <= limits.get(resource)) {
            Some(after) => *used.get_mut(resource) = after,
            None => {
                charge_undo(accounts, id, account, resource, n);
                return Err(exhausted(resource));
            }
        }
        at = *parent;
    }
    Ok(())
}

/// Takes back what was charged below an account.
#[cold]
fn charge_undo(
    accounts: &mut Arena<Account>,
    mut id: AccountId,
    end: AccountId,
    resource: Resource,
    n: u64,
) {
    while id != end {
        let Account { used, parent, .. } = &mut accounts[id];
        let amount = used.get_mut(resource);
        *amount = amount.saturating_sub(n);
        let Some(parent) = *parent else { break };
        id = parent;
    }
}

impl<M: Machine> Kernel<M> {
    /// Makes an account that deep beneath another, or the one at the root of all.
    pub(crate) fn account_insert(
        &mut self,
        parent: Option<AccountId>,
        depth: u8,
        limits: AccountLimits,
    ) -> Result<AccountId> {
        let account = Account { parent, depth, limits, refs: 1, ..Account::default() };
        Ok(self.accounts.insert(&mut self.machine, account)?)
    }

    /// Makes an account beneath another, with one reference.
    pub(crate) fn account_create(
        &mut self,
        parent: AccountId,
        limits: AccountLimits,
    ) -> Result<AccountId> {
        let depth = self.accounts[parent].depth;
        refuse_if(depth >= limits::ACCOUNT_DEPTH, EDQUOT)?;
        self.charge(parent, Resource::KernelBytes, size_of::<Account>() as u64)?;
        match self.account_insert(Some(parent), depth.wrapping_add(1), limits) {
            Ok(id) => {
                self.accounts.retain(parent);
                let mut children = core::mem::take(&mut self.accounts[parent].children);
                children.push_back(&mut self.accounts, id);
                self.accounts[parent].children = children;
                Ok(id)
            }
            Err(error) => {
                self.uncharge(parent, Resource::KernelBytes, size_of::<Account>() as u64);
                Err(error)
            }
        }
    }

    /// Charges an account and all above it.
    ///
    /// # Errors
    /// The resource's error when any of them would pass its limit; nothing is charged then.
    pub(crate) fn charge(&mut self, id: AccountId, resource: Resource, n: u64) -> Result<()> {
        charge(&mut self.accounts, id, resource, n)
    }

    /// Charges what cannot be refused any more, over the limit if it must be.
    pub(crate) fn charge_over(&mut self, id: AccountId, resource: Resource, n: u64) {
        let mut at = Some(id);
        while let Some(account) = at {
            let Account { used, parent, .. } = &mut self.accounts[account];
            let amount = used.get_mut(resource);
            *amount = amount.saturating_add(n);
            at = *parent;
        }
    }

    /// Whether an account has abandoned as many requests as it may, and at least one: its next
    /// calls are refused.
    pub(crate) fn is_over_requests(&self, id: AccountId) -> bool {
        let account = &self.accounts[id];
        account.used.requests >= account.limits.requests.max(1)
    }

    /// Takes a charge back.
    #[inline]
    pub(crate) fn uncharge(&mut self, id: AccountId, resource: Resource, n: u64) {
        let mut at = Some(id);
        while let Some(account) = at {
            let Account { used, parent, .. } = &mut self.accounts[account];
            let amount = used.get_mut(resource);
            debug_assert!(*amount >= n, "an account was credited more than it paid");
            *amount = amount.saturating_sub(n);
            at = *parent;
        }
    }

    /// Charges for a kernel object and keeps the account alive as its payer.
    pub(crate) fn charge_object<T>(&mut self, id: AccountId) -> Result<()> {
        self.charge(id, Resource::KernelBytes, size_of::<T>() as u64)?;
        self.accounts.retain(id);
        Ok(())
    }

    /// Takes the charge for a kernel object back.
    pub(crate) fn uncharge_object<T>(&mut self, id: AccountId) {
        self.uncharge(id, Resource::KernelBytes, size_of::<T>() as u64);
        self.account_release(id);
    }

    /// Whether an account may use the frames kept in reserve: those that init made directly.
    pub(crate) fn account_has_reserve(&self, id: AccountId) -> bool {
        self.accounts[id].depth <= 1
    }

    /// One reference less; an account that nobody names is gone.
    pub(crate) fn account_release(&mut self, id: AccountId) {
        let mut at = Some(id);
        while let Some(id) = at {
            if !self.accounts.release(id) {
                return;
            }
            let account = &mut self.accounts[id];
            let parent = account.parent;
            let watchers = core::mem::take(&mut account.watchers);
            self.watchers_drop(watchers);
            if let Some(parent) = parent {
                let mut children = core::mem::take(&mut self.accounts[parent].children);
                children.remove(&mut self.accounts, id);
                self.accounts[parent].children = children;
                self.uncharge(parent, Resource::KernelBytes, size_of::<Account>() as u64);
            }
            self.accounts.remove(id);
            at = parent;
        }
    }

    /// The account behind another when all beneath a root are gone through.
    pub(crate) fn account_behind(&self, id: AccountId, root: AccountId) -> Option<AccountId> {
        let (mut at, mut behind) = (id, self.accounts[id].children.front());
        while behind.is_none() && at != root {
            behind = self.accounts[at].sibling.next();
            at = self.accounts[at].parent?;
        }
        behind
    }

    /// Counts a process in or out of an account and all above it. When the last one has ended,
    /// watchers are told.
    pub(crate) fn account_count_process(&mut self, id: AccountId, change: i32) {
        let mut at = Some(id);
        while let Some(id) = at {
            let account = &mut self.accounts[id];
            account.alive = account.alive.wrapping_add_signed(change);
            let (empty, parent) = (account.alive == 0, account.parent);
            if empty && change < 0 {
                self.notify(Object::Account(id), READABLE);
            }
            at = parent;
        }
    }

    /// What an account uses, for people.
    pub(crate) fn account_usage(&self, id: AccountId) -> AccountUsage {
        let account = &self.accounts[id];
        AccountUsage {
            limits: account.limits,
            used: account.used,
            processes: u64::from(account.alive),
            number: id.index().into(),
            maker: 0,
        }
    }
}
