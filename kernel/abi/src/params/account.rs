//! What an account may use, and uses.
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

wire! {
    /// Limits of an account. `u64::MAX`: only its parents bound it.
    pub struct AccountLimits {
        /// Frames of memory, page tables included.
        pub frames: u64,
        /// Handles, in tables and in flight.
        pub handles: u64,
        /// Threads.
        pub threads: u64,
        /// Requests abandoned at servers.
        pub requests: u64,
        /// Bytes of kernel objects.
        pub kernel_bytes: u64,
    }
}

/// What an account pays for: a field of [`AccountLimits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// See [`AccountLimits::frames`].
    Frames,
    /// See [`AccountLimits::handles`].
    Handles,
    /// See [`AccountLimits::threads`].
    Threads,
    /// See [`AccountLimits::requests`].
    Requests,
    /// See [`AccountLimits::kernel_bytes`].
    KernelBytes,
}

impl Resource {
    /// Every resource.
    pub const ALL: [Self; 5] =
        [Self::Frames, Self::Handles, Self::Threads, Self::Requests, Self::KernelBytes];
}

impl AccountLimits {
    /// No bound on anything.
    pub const UNLIMITED: Self = Self {
        frames: u64::MAX,
        handles: u64::MAX,
        threads: u64::MAX,
        requests: u64::MAX,
        kernel_bytes: u64::MAX,
    };

    /// The amount of a resource.
    #[inline]
    #[must_use]
    pub fn get(&self, resource: Resource) -> u64 {
        match resource {
            Resource::Frames => self.frames,
            Resource::Handles => self.handles,
            Resource::Threads => self.threads,
            Resource::Requests => self.requests,
            Resource::KernelBytes => self.kernel_bytes,
        }
    }

    /// The amount of a resource.
    #[inline]
    pub fn get_mut(&mut self, resource: Resource) -> &mut u64 {
        match resource {
            Resource::Frames => &mut self.frames,
            Resource::Handles => &mut self.handles,
            Resource::Threads => &mut self.threads,
            Resource::Requests => &mut self.requests,
            Resource::KernelBytes => &mut self.kernel_bytes,
        }
    }
}

wire! {
    /// What an account uses.
    pub struct AccountUsage {
        /// What it may use.
        pub limits: AccountLimits,
        /// What it uses now.
        pub used: AccountLimits,
        /// Processes alive in it and beneath it.
        pub processes: u64,
        /// A number of its own: information.
        pub number: u64,
        /// Where a process was named instead: the number of the process that made that one.
        pub maker: u64,
    }
}
