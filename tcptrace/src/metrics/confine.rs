//! What threads that talk to others may not do: whoever takes one over must not get far.

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, NetPort, PathBeneath, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError, Scope,
};

use crate::privileges;

/// The newest rules that are asked for; a kernel takes those that it knows.
const RULES: ABI = ABI::V6;

/// Takes this thread everything: it has no capability, opens no file, and begins no connection.
/// What is open stays open.
pub(super) fn server() {
    privileges::keep(privileges::CapabilitySet::empty());
    enforced(rules().and_then(RulesetCreated::restrict_self).map(|_| ()));
}

/// Takes this thread everything but what it takes to send to a collector: it reads files, for names
/// and certificates, and connects to that port, and that of name servers.
pub(super) fn sender(port: u16) {
    const NAMES: u16 = 53;
    privileges::keep(privileges::CapabilitySet::empty());
    let restricted = rules().and_then(|rules| {
        let read: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
        let rules = match PathFd::new("/") {
            Ok(root) => rules.add_rule(PathBeneath::new(root, read))?,
            Err(_) => rules,
        };
        rules
            .add_rule(NetPort::new(port, AccessNet::ConnectTcp))?
            .add_rule(NetPort::new(NAMES, AccessNet::ConnectTcp))?
            .restrict_self()
    });
    enforced(restricted.map(|_| ()));
}

fn rules() -> Result<RulesetCreated, RulesetError> {
    Ruleset::default()
        .handle_access(AccessFs::from_all(RULES))?
        .handle_access(AccessNet::from_all(RULES))?
        .scope(Scope::from_all(RULES))?
        .create()
}

fn enforced(restricted: Result<(), RulesetError>) {
    if let Err(error) = restricted {
        log::info!("Landlock is not in use: {error}");
    }
}
