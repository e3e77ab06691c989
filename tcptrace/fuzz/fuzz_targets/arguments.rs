//! What a user may type: understood, or refused; and what is understood means what it is shown as.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use tcptrace::{
    commands::duration,
    filter::{PortSet, network},
    model::State,
    source::live::buffer_size,
};

fuzz_target!(|given: &str| {
    if let Ok(ports) = given.parse::<PortSet>() {
        let shown: Vec<String> = ports.iter().map(|port| port.to_string()).collect();
        assert_eq!(shown.join(",").parse(), Ok(ports));
    }
    if let Ok(net) = network(given) {
        assert_eq!(net, net.trunc());
        assert_eq!(network(&net.to_string()), Ok(net));
        assert!(net.contains(&net.addr()));
    }
    if let Ok(duration) = duration(given) {
        assert!(duration <= Duration::from_secs(10 * 365 * 86_400));
    }
    if let Ok(size) = buffer_size(given) {
        assert!(size.is_power_of_two() && (1 << 14..=1 << 30).contains(&size));
    }
    match given.parse::<State>() {
        Ok(state) => assert_eq!(state.name().parse(), Ok(state)),
        // It goes to a terminal.
        Err(error) => assert!(!error.to_string().contains(char::is_control)),
    }
});
