//! The unit of systemd that a control group belongs to.

/// Types of units (systemd, src/basic/unit-def.c, `unit_type_table`).
const TYPES: [&str; 11] = [
    "service",
    "socket",
    "target",
    "device",
    "mount",
    "automount",
    "swap",
    "timer",
    "path",
    "slice",
    "scope",
];
/// The longest name (systemd, src/basic/unit-name.h, `UNIT_NAME_MAX`).
const LONGEST: usize = 255;

/// The unit, as `systemctl status PID` and `systemctl --user status PID` find it (systemd,
/// src/basic/cgroup-util.c, `cg_path_get_unit()` and `cg_path_get_user_unit()`): the first below all
/// slices; where that is a user's manager, the user's own unit below it. What is in a unit (a
/// container with a systemd of its own) is not this systemd's. `None`: it belongs to none.
pub fn unit_of(path: &str) -> Option<String> {
    let mut names = path.split('/').filter(|name| !name.is_empty());
    let unit = first_below_slices(&mut names)?;
    let is_manager = unit.starts_with("user@") && unit.ends_with(".service");
    match is_manager.then(|| first_below_slices(&mut names)).flatten() {
        Some(own) => Some(own.to_owned()),
        None => Some(unit.to_owned()),
    }
}

/// The uid of the user whose manager a control group belongs to, or whose slice it is in.
pub fn user_of(path: &str) -> Option<u32> {
    let mut names = path.split('/').filter(|name| !name.is_empty());
    (names.next()? == "user.slice").then_some(())?;
    let slice = names.next()?.strip_prefix("user-")?;
    slice.strip_suffix(".slice")?.parse().ok()
}

fn first_below_slices<'a>(names: &mut impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let first = names
        .map(unescaped)
        .find(|name| !(name.ends_with(".slice") && is_unit(name)))?;
    is_unit(first).then_some(first)
}

/// A name that is also one of the kernel's files has `_` before it (`cg_escape()`).
fn unescaped(name: &str) -> &str {
    name.strip_prefix('_').unwrap_or(name)
}

/// Whether systemd takes that for a unit's name (`unit_name_is_valid()`).
fn is_unit(name: &str) -> bool {
    let Some((before, kind)) = name.rsplit_once('.') else {
        return false;
    };
    let may_be_in = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
    TYPES.contains(&kind)
        && name.len() <= LONGEST
        && !before.is_empty()
        && !before.starts_with('@')
        && before.bytes().all(may_be_in)
}

/// The full name of a unit that a user calls so: without a type, it is a service, as systemctl has it.
pub fn full_name(given: &str) -> String {
    match given.rsplit_once('.') {
        Some((_, kind)) if TYPES.contains(&kind) => given.to_owned(),
        _ => format!("{given}.service"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_without_a_type_is_a_service() {
        assert_eq!(full_name("nginx"), "nginx.service");
        assert_eq!(full_name("nginx.service"), "nginx.service");
        assert_eq!(full_name("session-3.scope"), "session-3.scope");
        assert_eq!(full_name("getty@tty1"), "getty@tty1.service");
        assert_eq!(full_name("a.b"), "a.b.service");
    }

    #[test]
    fn only_a_user_s_own_control_groups_are_that_user_s() {
        assert_eq!(
            user_of("/user.slice/user-1000.slice/session-3.scope"),
            Some(1000)
        );
        assert_eq!(user_of("/user.slice/user-1000.slice"), Some(1000));
        assert_eq!(user_of("/user.slice"), None);
        assert_eq!(user_of("/system.slice/user-1000.slice/a.scope"), None);
        assert_eq!(user_of("/user.slice/user-root.slice/a.scope"), None);
    }
}
