# The screen of `tcptrace top`.

# Tabs

tab-machine = Machine
tab-connections = Connections
tab-processes = Processes
tab-remotes = Remotes
tab-listeners = Listeners
tab-stuck = Stuck
tab-ends = Ends

# The first line

replay-stands = stands
replay-speed = { $speed }x
screen-held = HELD, { $count } since
alarm-lost = { $count } LOST
alarm-forgotten = { $count } FORGOTTEN
alarm-ports = ports { $percent } % to { $destination }
alarm-ports-soon = ports { $percent } % to { $destination }, none left in { $seconds } s
alarm-overflow = overflow { $rate }
alarm-stuck = { $count } stuck
alarm-resets = resets { $rate }
alarm-failures = failures { $rate }

# The last line: keys by their names, and what they do

keys-rows = ? keys  q leave  / search  enter open  x explain  space hold  < > sort  w write
keys-recording = ? keys  q leave  left right time  [ ] events  p play  / search  enter open
keys-page = esc back  x explain  up down  q leave
rows-first = first { $shown } of { $all }

# Instead of rows

nothing-found = Nothing here that the search asks for.
nothing-yet = Nothing here, so far.

# Words in cells

cell-out = out
cell-in = in
cell-local = local
cell-remote = remote
cell-both = both

# The state machine

machine-half-below = half below { $time }
machine-ways = Ways, the most taken first

# A word of a search that is none

search-wrong = { $word }: { $why }
search-not-alone = it stands before a word
search-without-value = it lacks what stands behind the colon
search-words = words are state: port: addr: local-port: remote-port: local-addr: remote-addr: comm: pid: uid: netns: container: pod: unit:
search-no-such-thing = there is no such thing

# Notices, until the next key

notice-no-past = only a recording has a past to go to: top -r PATH
notice-no-connection = there is no single connection behind that line to look at
notice-not-explained = nothing is written about { $word }
notice-written = { $count } lines written to { $name }
notice-not-written = { $name } can't be written: { $error }

# What keys do

help-title = Keys
help-search = A search has words with blanks between them: { $words }; not before a word turns it round.
key-up = a line up
key-down = a line down
key-page-up = a page up
key-page-down = a page down
key-first = to the first line
key-last = to the last line
key-next-tab = to the next tab; 1 to 7 to each
key-tab-before = to the tab before
key-sort-right = sort by the column on the right
key-sort-left = sort by the column on the left
key-reverse = sort the other way round
key-search = which rows: state:time-wait not port:443
key-open = the life of the connection
key-explain = explain what is under the cursor
key-back = back
key-freeze = hold the screen, and go on
key-write = write what is shown as lines of JSON
key-earlier = recording: earlier
key-later = recording: later
key-event-before = recording: to the event before
key-next-event = recording: to the next event
key-play = recording: play, and stop
key-faster = recording: play faster, up to 100 times
key-slower = recording: play slower
key-redraw = draw all anew
key-suspend = into the background
key-help = these keys
key-quit = leave

# A connection's life

life-title = A connection's life
life-nothing-seen = Nothing that happened to it was seen yet.
life-sides = opened by { $opener }, closed first by { $closer }
life-opener-unknown = - (unknown)
life-this-side = this side
life-peer = the peer
life-both = both
life-nobody = nobody, as far as is known
life-socket = cookie { $cookie }, network namespace { $netns }
life-process-unknown = process: - (unknown)
life-process = process: { $process }
life-thread = , thread { $name }
life-user = , user { $uid }
life-name-and-pid = { $name } ({ $pid })
life-container = container { $name }
life-container-id = { " " }({ $id })
life-image = { " " }of { $image }
life-runtime = { " " }by { $runtime }
life-pod = pod { $name }
life-unit = unit { $name }
life-cgroup = control group { $path }
life-comma = { ", " }
life-holders = held by { $names }
life-no-holder = held by no process
life-now-in = now in
life-for = , for { $time }
life-over = It is over.
life-measured = at its last transition: { $acked } sent and acknowledged, { $received } received, { $again } segments sent again, round trip { $rtt }, idle for { $idle }
life-stuck = It does not go on: { $verdict }
life-cut = … earlier ones are not remembered
life-after = after { $time }
life-by-thread = by thread { $name }
