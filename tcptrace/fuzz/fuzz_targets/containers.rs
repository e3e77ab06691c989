//! Paths of control groups, and files of container runtimes: whatever stands there, what is told of it is
//! printable, and not too long. The path and the file, with a NUL between them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tcptrace::{
    host::{RuntimeFiles, place_of},
    model::Workload,
};

/// The longest name that there may be: an image's, cut, each character as its code.
const LONGEST: usize = 513 * 8;

fn check(it: &Workload) {
    let container = it.container.iter().flat_map(|it| {
        let more = [it.name.as_ref(), it.image.as_ref()];
        [Some(&it.id)].into_iter().chain(more).flatten()
    });
    let pod = it.pod.iter().flat_map(|it| {
        let names = [&it.namespace, &it.name, &it.uid];
        names.into_iter().flatten()
    });
    for name in container.chain(pod).chain(&it.unit) {
        assert!(!name.chars().any(char::is_control), "{name:?}");
        assert!(name.chars().count() <= LONGEST, "{name:?}");
    }
}

fuzz_target!(|given: &[u8]| {
    let mut parts = given.splitn(2, |byte| *byte == 0);
    let path = tcptrace::model::printable(parts.next().unwrap_or_default(), 1024);
    let place = place_of(&path);
    check(&place.workload);
    let file = parts.next().unwrap_or_default();
    RuntimeFiles::told_by(&place, file).iter().for_each(check);
});
