# The words of the page of `tcptrace report`. A word between brackets leads to its explanation.
# Names of states, reasons and settings are not translated.

# Whole page

title = TCP on { $host }
skip = Skip to the content
contents = Contents
all-times-utc = All times are UTC.
table = table
drawing = drawing
more-rows = { $count ->
    [one] and 1 more that is not shown
   *[other] and { $count } more rows that are not shown
}
more = more
more-about = More: { $section }
unknown = unknown
nothing-read = Nothing was read.
nothing-happened = Nothing happened, or nothing that was asked for.

# Overview

overview = Overview
tile-transitions = transitions
tile-opened = handshakes begun
tile-ended = connections ended
tile-time-waits = TIME_WAITs made
tile-established = established at the end
tile-stuck = found to be stuck
tile-lost = events lost
per-second = { $rate }/s
findings = What stands out
find-lost = { $count ->
    [one] 1 event was lost: counts may be too small, and some connections are incomplete.
   *[other] { $count } events were lost: counts are too small, and some connections are incomplete.
}
find-damaged = Not all of the recording could be read.
find-forgotten = { $count ->
    [one] 1 connection was forgotten, as too many were open at once.
   *[other] { $count } connections were forgotten, as too many were open at once.
}
find-nothing = No transition was recorded in this time, or none that was asked for.
find-ports-soon = no local port is left in { $time } if it goes on like that.
find-ports-out = no local port is left.
find-stuck = { $count ->
    [one] 1 connection did not go on.
   *[other] { $count } connections did not go on.
}
find-reset-by-peer = { $count ->
    [one] 1 connection ({ $share } of those that ended) was reset by its peer: [reset_by_peer].
   *[other] { $count } connections ({ $share } of those that ended) were reset by their peers: [reset_by_peer].
}
find-reset-by-us = { $count ->
    [one] 1 connection ({ $share }) was reset by this side: [reset_by_us].
   *[other] { $count } connections ({ $share }) were reset by this side: [reset_by_us].
}
find-timed-out = { $count ->
    [one] 1 connection ({ $share }) got no answer any more: [timed_out].
   *[other] { $count } connections ({ $share }) got no answer any more: [timed_out].
}
find-keepalive = { $count ->
    [one] 1 connection ({ $share }) got no answer to keepalive probes: [keepalive_timeout].
   *[other] { $count } connections ({ $share }) got no answer to keepalive probes: [keepalive_timeout].
}
find-refused = { $count ->
    [one] 1 connection ({ $share }) was refused: [refused].
   *[other] { $count } connections ({ $share }) were refused: [refused].
}
find-unreachable = { $count ->
    [one] 1 connection ({ $share }) found no way to its peer: [unreachable].
   *[other] { $count } connections ({ $share }) found no way to their peers: [unreachable].
}
find-overflow = { $count ->
    [one] 1 TIME_WAIT was skipped, as there were too many: [overflow], [tcp_max_tw_buckets].
   *[other] { $count } TIME_WAITs were skipped, as there were too many: [overflow], [tcp_max_tw_buckets].
}
find-fin-timeout = { $count ->
    [one] 1 orphan waited in vain for its peer's FIN: [fin_timeout].
   *[other] { $count } orphans waited in vain for their peers' FIN: [fin_timeout].
}
find-dropped = { $count ->
    [one] Listeners dropped 1 SYN or third ACK, as they had no room: [backlog], [somaxconn].
   *[other] Listeners dropped { $count } SYNs or third ACKs, as they had no room: [backlog], [somaxconn].
}
find-retried = { $count ->
    [one] 1 handshake needed a SYN or SYN+ACK again.
   *[other] { $count } handshakes needed a SYN or SYN+ACK again.
}
find-idle = { $count ->
    [one] 1 connection was closed after it had been idle for as long as a well-known timeout says.
   *[other] { $count } connections were closed after they had been idle for as long as a well-known timeout says.
}
find-closers = This side closed first in { $us } of the connections that ended, the peer in { $peer }: who closes first gets the [TIME_WAIT].

# What was traced

traced = What was traced and lost
pieces = The recording: between two parts it is not known what happened.
host = Machine
kernel = Linux
from = From
to = To
events = Events
files = Files
size = Size
lost = Lost
end = End
piece-ended = in good order
piece-cut = not ended: killed, or it goes on still
anonymized = (addresses and names are not the real ones)
read-in-part = Only the time above was read of it; what is lost or changed outside of it is not listed.
asked-recording = Recorded
asked-reading = Read
asked-all = everything
nothing-lost = No event was lost.
losses = Where events were lost
losses-mean = What lost events told is in no count below, and the time of what followed them may be unknown.
time = Time
clocks = Changes of the clock
clock = What happened
clock-suspended = the machine was suspended for { $time }
clock-back = the clock was set back by { $time }
clock-forward = the clock was set forward by { $time }
damage = Files that can't be read, or only up to a byte
damage-within = Something within the recording could not be read; what follows it is told as far as it could be.
file = File
byte = Readable up to byte
why = Why
unseen = What could not be seen on that machine
overflowed = There was no room to tell all apart in these lists: { $lists }. What found none is counted in the sums of states and ends.

# The state machine

machine = The state machine
machine-note = How often each way was taken. An arrow is as broad as it was used; in red is what went to [CLOSED] from there by an RST, a timeout or an error.
machine-desc = The eleven states and the transitions between them, each with how often it was made. The table below has the same numbers.
machine-now = { $entered } in, now { $now }
machine-entered = { $entered } in
machine-ended = { $count } in all
machine-cut = { $count } → CLOSED
ways = Transitions by reason, the most frequent first
ways-shown = { $count ->
    [one] The same as a table: 1 way
   *[other] The same as a table: { $count } ways and reasons
}
way = Transition
reason = Reason
count = Count
share = Share

# Time in states

states = Time in each state
states-note = How long those that left a state had been in it. The histograms all have the same scale of time, and each its own of counts.
states-caption = States, in the order of a connection's life
state = State
entered = Entered
left = Left
now = Now
longest = Longest
histogram = How many for how long
histogram-says = { $count ->
    [one] Histogram of 1 connection: { $half }.
   *[other] Histogram of { $count } connections: half of them up to { $half }, 99 of 100 up to { $most }.
}

# Rates

rates = Rates over time
rates-note = Each step stands for { $width }. A line is broken where it is not known what happened.
rates-connections = Connections, a second
rates-trouble = TIME_WAITs, resets and failures, a second
rates-states = Connections in states that last, at the end of each step
chart-counts = Lines over time: { $lines }; from { $from } to { $to } UTC, the scale ends at { $most }.
rate-opened-here = opened by this side
rate-opened-by-peers = opened by peers
rate-ended = ended
rate-time-waits = TIME_WAITs begun
rate-resets = ended by RST
rate-failures = refused, unreachable or timed out
rate-lost = events lost
rates-numbers = The same as a table
rates-table = Counts for each { $width }
chart-says = Lines over time: { $lines }; from { $from } to { $to } UTC, the scale ends at { $most } a second. The table below has the numbers.

# TIME_WAIT

time-waits = Who makes the TIME_WAITs
no-time-waits = No [TIME_WAIT] was made.
makers-note = The side that closes first gets the [TIME_WAIT]. One of a connection that this side opened keeps a local port from being used again towards the same place.
makers = { $count ->
    [one] 1 TIME_WAIT was made, by program and service
   *[other] { $count } TIME_WAITs were made, by program and service
}
program = Program
service = Service
direction = Direction
service-of-others = to it
service-here = served here
made = Made
per-s = A second
ports-held = Ports held
time-wait-ends = What ended them
services = Short connections (a request or two), by service: [long-short]
closed = Closed
short = Short
time-waits-of-short = TIME_WAITs of short ones
time-waits-of-long = TIME_WAITs of others

# Ends

ends = Who closed first, and how
ends-note = graceful: by a [FIN] of each side; all else are reasons. Who closed first has sent the first FIN or RST; where nobody did, or it was not seen, it is not known.
nothing-ended = No connection ended.
closers = How connections ended, by who closed first
how-ended = How
closer-us = This side
closer-peer = The peer
closer-both = Both at once
closer-unknown = Nobody, or unknown
all = All
detail = Detail
end-details = Where more is known
failed-handshakes = Handshakes that failed

# Idle closes

idle = Idle closes, and whose timeout it may be
no-idle = No connection was closed after it had been idle for as long as a well-known timeout says.
idle-note = Connections whose time without data, before the first side closed, fits a timeout that is well known. It may be one of those named, or chance. A request that comes just after such a close meets an RST: [idle-timeouts].
idle-closes = Closes after an idle time that fits a timeout
idle-others = { $count ->
    [one] 1 more was closed like that; there was no room to tell it apart.
   *[other] { $count } more were closed like that; there was no room to tell them apart.
}
closed-first = Closed first
idle-before = Idle before
timeouts = Timeouts as long as that

# Stuck

stuck = Connections that did not go on
nothing-stuck = No connection was found that stayed too long where it should not.
stuck-note = Found by whoever recorded, by a look at the sockets: connections that stayed too long in a state that should be short, why, and what to do. Each is told once, when it became too long. The words are those for the first one of each kind.
connections-count = { $count ->
    [one] 1 connection
   *[other] { $count } connections
}
stuck-all = All of them
stuck-first = The first { $count }
connection = Connection
process = Process
found-at = Found at
held = Held
setting = Setting that governs it
no-setting = none
left-time = Left then
at-the-end = At the end
still-so = still so
no-more-so = no more

# Ports

ports = Local ports
no-ports = No local port of the range that connect() chooses from was taken, or the range is not known.
ports-unknown = Not known at the end, as events were lost.
ports-note = What is taken at the end of the time, by destination: [ip_local_port_range]. It settles where as many TIME_WAITs end as begin; ports that connect() takes over ([tcp_tw_reuse]) are left out there.
ports-caption = Destinations with the most local ports taken
destination = Destination
local-address = Local address
taken = Taken
available = Of
in-time-wait = In TIME_WAIT
grows = Grows a second
settles = Settles at
run-out = Runs out
run-out-in = in { $time }
run-out-now = now
run-out-no = no

# Handshakes

handshakes = Handshakes
no-handshakes = No handshake was completed that is known from its beginning.
handshakes-note = From the SYN to the answer for who opened the connection ([SYN_SENT]), from the SYN to the third segment for the other side ([SYN_RECV]). One that took a second or more needed a segment again, mostly: [handshake].
slowest = The { $count } slowest of { $all } handshakes
took = Took
waited-in = Waited in
opened-at = Opened
sent-again = Sent again
retried = Handshakes that needed a SYN or SYN+ACK again, by service
handshakes-count = Handshakes
failed = Failed
listeners = SYNs received, by listener
listener = Listener
answered = Answered
complete = Complete
dropped = Dropped
half-open = Half-open now

# Connections

connections = Connections of interest
no-connections = There is no connection to look at one by one.
connections-note = Few of each kind, each with all its transitions. In a bar, a state is as wide as it lasted; what was very short is drawn so wide that it is seen, and what is not known is pale.
life-reset-by-peer = Reset by the peer: [reset_by_peer]
life-reset-by-us = Reset by this side: [reset_by_us]
life-timed-out = Got no answer any more: [timed_out]
life-keepalive = Got no answer to keepalive probes: [keepalive_timeout]
life-refused = Refused: [refused]
life-unreachable = Found no way to the peer: [unreachable]
life-overflow = TIME_WAIT skipped: [overflow]
life-fin-timeout = The peer's FIN never came: [fin_timeout]
life-killed = Ended by somebody else: [killed]
life-not-over = On the way in or out at the end
life-handshake = The slowest handshakes: [handshake]
life-fin-wait2 = The longest in [FIN_WAIT2]
life-close-wait = The longest in [CLOSE_WAIT]
life-time-wait = The longest in [TIME_WAIT]
life-resent = The most segments sent again
measure-lasted = { $all ->
    [one] 1 in all
   *[other] { $shown } of { $all }: those that lasted the longest
}
measure-waits = { $all ->
    [one] 1 in all
   *[other] { $shown } of { $all }: those that have waited the longest
}
measure-slowest = { $all ->
    [one] 1 in all
   *[other] { $shown } of { $all }: the slowest
}
measure-longest = { $all ->
    [one] 1 in all
   *[other] { $shown } of { $all }: the longest
}
measure-most = { $all ->
    [one] 1 in all
   *[other] { $shown } of { $all }: the most
}
not-over = not over
told-above = (told above)
timeline-says = Timeline: { $states }.
transitions = Its transitions
before = before
bytes = { $count ->
    [one] 1 byte
   *[other] { $count } bytes
}
handshake-took = Handshake
sent = Sent
received = Received
srtt = Round trip
runs-in = Runs in
netns = Network namespace
cookie = Cookie
begun = Begun
before-recording = before it was recorded, or before events were lost

# Explanations

explained = What the words mean
explained-note = Of each state, reason, verdict and setting that this page names. tcptrace explain has more.
about = About this page
about-note = Made by tcptrace { $version }. The page asks no other machine for anything: its policy forbids it.

# What the script says

script-filter = Show connections with these words:
script-none = There is none with all these words.
script-open = Open all
script-close = Close all
script-whole = Drag over a part to look into it, double-click for the whole. A click on a name hides a line.
script-time = Time
script-sort = Sort by this column
