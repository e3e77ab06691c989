# What stands around the entries of `tcptrace explain`.

# Kinds of entries, as headings

topics = Topics
states = States
reasons = Reasons
details = Details of a reason
verdicts = Verdicts on connections that are stuck
settings = Settings
counters = Counters
words = Words
products = Other programs and their settings

# One of them

topic = topic
state = state
reason = reason
detail = detail of a reason
verdict = verdict
setting = setting
counter = counter
word = word
product = another program

# Parts of an entry

what-it-is = What it is
what-it-does = What it does
what-it-means = What it means
how-it-goes = How it goes
who-is-in-it = Who is in it
who-is-to-blame = Who is to blame
how-it-ends = How it ends
how-long = How long
when-many = When there are many
when-often = When it comes often
what-to-do = What to do
where = Where
default = Default
mind = Mind
see-also = See also: { $names }

# The list, and the drawing

tells-more = tcptrace explain NAME tells more, as in: tcptrace explain time-wait
anywhere = An RST, or no answer at all, leads to CLOSED from nearly everywhere.
closes-after = { $seconds } s: { $product }, { $setting }
forgets-after = { $seconds } s: { $product }, { $setting } (forgets)

# What leads from a state to another, beside the drawing of its neighbours

way-connect = connect(): SYN sent
way-listen = listen()
way-syn-received = SYN received
way-syns-crossed = SYN received: they crossed
way-syn-ack-received = SYN+ACK received
way-ack-received = ACK received
way-closes = this side closes: FIN sent
way-peer-closes = FIN received: the peer closes
way-fin-acked = FIN acked
way-fin-received = FIN received
way-fin-sent = FIN sent
way-time-over = 60 s are over
