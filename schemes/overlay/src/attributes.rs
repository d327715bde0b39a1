//! What is known of a node beside its contents, as far as it is not what stands below.
use clavis_view::lower::Attribute;
use syscall::error::{EINVAL, Error, Result};
use syscall::flag::{MODE_PERM, MODE_TYPE};
use syscall::{Stat, TimeSpec};

/// `tv_nsec` that stands for the present.
const NOW: i32 = 0x3FFF_FFFF;
/// `tv_nsec` that leaves a time as it is.
const LEAVE: i32 = 0x3FFF_FFFE;

/// What was set.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Attributes {
    mode: Option<u16>,
    owner: Option<u32>,
    group: Option<u32>,
    accessed: Option<TimeSpec>,
    modified: Option<TimeSpec>,
    /// When what it holds was changed last, unless its time was set since.
    touched: Option<TimeSpec>,
}

/// A time to set; none: it stays.
fn time(time: TimeSpec, now: TimeSpec) -> Result<Option<TimeSpec>> {
    match time.tv_nsec {
        NOW => Ok(Some(now)),
        LEAVE => Ok(None),
        0..1_000_000_000 => Ok(Some(time)),
        _ => Err(Error::new(EINVAL)),
    }
}

fn seconds(time: TimeSpec) -> (u64, u32) {
    (u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

impl Attributes {
    /// Of something new.
    pub(crate) fn new(mode: u16, now: TimeSpec) -> Attributes {
        let (mode, touched) = (Some(mode & MODE_PERM), Some(now));
        Attributes { mode, touched, ..Attributes::default() }
    }

    pub(crate) fn set(&mut self, attribute: &Attribute, now: TimeSpec) -> Result<()> {
        match attribute {
            Attribute::Mode(mode) => self.mode = Some(mode & MODE_PERM),
            Attribute::Owner(owner, group) => {
                let named = |id: u32| (id != u32::MAX).then_some(id);
                self.owner = named(*owner).or(self.owner);
                self.group = named(*group).or(self.group);
            }
            Attribute::Times([accessed, modified]) => {
                let (accessed, modified) = (time(*accessed, now)?, time(*modified, now)?);
                self.accessed = accessed.or(self.accessed);
                self.modified = modified.or(self.modified);
            }
        }
        Ok(())
    }

    /// What it holds was changed.
    pub(crate) fn touch(&mut self, now: TimeSpec) {
        (self.modified, self.touched) = (None, Some(now));
    }

    /// Puts what was set in the place of what stands below.
    pub(crate) fn fill(&self, stat: &mut Stat) {
        if let Some(mode) = self.mode {
            stat.st_mode = stat.st_mode & MODE_TYPE | mode;
        }
        stat.st_uid = self.owner.unwrap_or(stat.st_uid);
        stat.st_gid = self.group.unwrap_or(stat.st_gid);
        if let Some(time) = self.accessed {
            (stat.st_atime, stat.st_atime_nsec) = seconds(time);
        }
        if let Some(time) = self.modified.or(self.touched) {
            (stat.st_mtime, stat.st_mtime_nsec) = seconds(time);
            (stat.st_ctime, stat.st_ctime_nsec) = seconds(time);
        }
    }

    /// Whether anything was set.
    pub(crate) fn any(&self) -> bool {
        let set = self.mode.is_some() || self.owner.is_some() || self.group.is_some();
        set || self.accessed.is_some() || self.modified.is_some()
    }

    /// What was set, to be set below; for what holds something new its time too.
    pub(crate) fn all(&self, filled: bool) -> Vec<Attribute> {
        let mut all: Vec<Attribute> = self.mode.map(Attribute::Mode).into_iter().collect();
        if self.owner.is_some() || self.group.is_some() {
            let or = |id: Option<u32>| id.unwrap_or(u32::MAX);
            all.push(Attribute::Owner(or(self.owner), or(self.group)));
        }
        let leave = TimeSpec { tv_sec: 0, tv_nsec: LEAVE };
        let modified = self.modified.or(self.touched.filter(|_| filled));
        if self.accessed.is_some() || modified.is_some() {
            let times = [self.accessed.unwrap_or(leave), modified.unwrap_or(leave)];
            all.push(Attribute::Times(times));
        }
        all
    }

    /// In words, beside what is known of it below.
    pub(crate) fn said(&self, was: &Stat) -> Vec<String> {
        let mut words = Vec::new();
        if let Some(mode) = self.mode {
            words.push(format!("mode {:o} -> {mode:o}", was.st_mode & MODE_PERM));
        }
        if self.owner.is_some() || self.group.is_some() {
            let (owner, group) = (was.st_uid, was.st_gid);
            let new = (self.owner.unwrap_or(owner), self.group.unwrap_or(group));
            words.push(format!("owner {owner}:{group} -> {}:{}", new.0, new.1));
        }
        if self.accessed.is_some() || self.modified.is_some() {
            words.push("times".to_owned());
        }
        words
    }
}
