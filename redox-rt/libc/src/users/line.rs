//! Lines of the two files, in the form of POSIX systems (fields between colons, a password among
//! them) and in that of Redox (fields between semicolons, passwords elsewhere). Pure.

/// A user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct User<'a> {
    /// The login name.
    pub(crate) name: &'a str,
    /// What stands in the place of the password.
    pub(crate) password: &'a str,
    /// The number.
    pub(crate) user: u32,
    /// The number of the first group.
    pub(crate) group: u32,
    /// The name for people.
    pub(crate) comment: &'a str,
    /// The home directory.
    pub(crate) home: &'a str,
    /// The shell.
    pub(crate) shell: &'a str,
}

/// A group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Group<'a> {
    /// The name.
    pub(crate) name: &'a str,
    /// What stands in the place of the password.
    pub(crate) password: &'a str,
    /// The number.
    pub(crate) group: u32,
    members: &'a str,
}

impl<'a> Group<'a> {
    /// Login names of the members.
    pub(crate) fn members(&self) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        self.members.split(',').filter(|name| !name.is_empty())
    }
}

/// The user of a line, unless it holds something else.
pub(crate) fn user(line: &str) -> Option<User<'_>> {
    let (name, password, user, group, comment, home, shell) = if line.contains(';') {
        let mut fields = line.split(';');
        let mut next = || fields.next();
        (next()?, "x", next()?, next()?, next()?, next()?, next()?)
    } else {
        let mut fields = line.split(':');
        let mut next = || fields.next();
        (next()?, next()?, next()?, next()?, next()?, next()?, next()?)
    };
    let (user, group) = (user.parse().ok()?, group.parse().ok()?);
    named(name).then_some(User { name, password, user, group, comment, home, shell })
}

/// The group of a line, unless it holds something else.
pub(crate) fn group(line: &str) -> Option<Group<'_>> {
    let (name, password, group, members) = if line.contains(';') {
        let mut fields = line.split(';');
        let mut next = || fields.next();
        (next()?, "x", next()?, next().unwrap_or(""))
    } else {
        let mut fields = line.split(':');
        let mut next = || fields.next();
        (next()?, next()?, next()?, next().unwrap_or(""))
    };
    let group = group.parse().ok()?;
    named(name).then_some(Group { name, password, group, members })
}

fn named(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn users_are_read_in_both_forms() {
        let expected = User {
            name: "ada",
            password: "x",
            user: 1000,
            group: 100,
            comment: "Ada L.",
            home: "/home/ada",
            shell: "/bin/sh",
        };
        assert_eq!(user("ada:x:1000:100:Ada L.:/home/ada:/bin/sh"), Some(expected));
        assert_eq!(user("ada;1000;100;Ada L.;/home/ada;/bin/sh"), Some(expected));
        let open = user("guest::1:1:::").unwrap();
        assert_eq!((open.password, open.home), ("", ""));
    }

    #[test]
    fn lines_of_something_else_are_nobody() {
        for line in [
            "",
            "#ada:x:1:1:::",
            ":x:1:1:::",
            "ada:x:one:1:::",
            "ada:x:1:1",
            "ada:x:-1:1:::",
            "ada",
        ] {
            assert_eq!(user(line), None, "{line}");
        }
        for line in ["", "wheel", "wheel:x", "wheel:x:ten:", "#w:x:1:", ":x:1:"] {
            assert_eq!(group(line), None, "{line}");
        }
    }

    #[test]
    fn groups_have_members() {
        let members = |line| group(line).unwrap().members().collect::<Vec<_>>();
        assert_eq!(members("wheel:x:10:ada,bob"), ["ada", "bob"]);
        assert_eq!(members("wheel;10;ada"), ["ada"]);
        assert_eq!(members("nobody:x:99:"), [""; 0]);
        assert_eq!(group("wheel;10").unwrap().group, 10);
    }
}
