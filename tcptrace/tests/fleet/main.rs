//! `tcptrace ship` beside what it ships to.
