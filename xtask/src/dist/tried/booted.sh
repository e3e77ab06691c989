# Uses the units of a package as who installs it does, each function in a boot of its own:
# sh booted.sh FUNCTION NAME FILE
set -eu
: >/tmp/said
boot=$1 name=$2 file=$3
export DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
recording=/var/lib/tcptrace metrics=http://127.0.0.1:9465/metrics
wrong() { echo "booted.sh: $boot: $*" >&2; exit 1; }
# What was said until then, where anything fails.
told() {
    echo "booted.sh: $boot failed; before that:"
    journalctl --boot --quiet --lines=30 --unit='tcptrace-*'
    cat /tmp/said
}
trap '[ $? = 0 ] || told >&2' EXIT
# Waits for what comes by itself: it is tried for a minute.
soon() {
    until "$@"; do
        waited=$((${waited:-0} + 1))
        [ "$waited" -lt 300 ] || return 1
        sleep 0.2
    done
    waited=0
}

# Three connections to a port, each closed by the client first.
connect() {
    perl -MIO::Socket::INET -e '
        my $at = "127.0.0.1:$ARGV[0]";
        my $listener = IO::Socket::INET->new(Listen => 1, LocalAddr => $at, ReuseAddr => 1) or die $!;
        for (1..3) {
            my $client = IO::Socket::INET->new($at) or die $!;
            my $server = $listener->accept or die $!;
            close $client;
            close $server;
        }' "$1"
}
# Whether they are in the recording, with their process. Nothing but what a container can't know is
# missing there.
recorded() {
    tcptrace watch -r $recording -P "$1" >/tmp/told 2>/tmp/said || return 1
    grep -v "pid namespace" /tmp/said && wrong "watch -r complains"
    [ "$(grep -c ' perl/[0-9]* .* -> TIME_WAIT ' /tmp/told)" -ge 3 ]
}
connects_recorded() { connect "$1" && recorded "$1"; }
asked() { curl --silent --fail --max-time 20 "$1"; }
counted() { asked $metrics | grep -q "destination=\"127.0.0.1:$1\""; }
shipped() { [ "$(stored "SELECT count() FROM flows WHERE remote_port = $1 AND comm = 'perl'")" = 3 ]; }
stored() { curl --silent 'http://127.0.0.1:8123/?password=secret' --data-binary "$1"; }

# Whether units are up, as who they should be: a user that is there while they are.
up() {
    for unit in "$@"; do
        systemctl --quiet is-active "$unit" || return 1
        user=$(sed -n 's/^Uid:\t\([0-9]*\).*/\1/p' "/proc/$(pid "$unit")/status")
        [ "$user" -ge 61184 ] && [ "$user" -le 65519 ] || wrong "$unit runs as $user"
    done
}
pid() { systemctl show --property=MainPID --value "$1"; }
# That what they kept is theirs alone.
private() {
    others=$(find /var/lib/private/tcptrace* -type d ! -perm 700 -o -type f ! -perm 600 -o ! -uid "$user")
    [ -z "$others" ] || wrong "not theirs alone: $others"
}
# That they said nothing but where they listen, and what a container can't know.
content() {
    journalctl --sync
    for unit in "$@"; do
        journalctl --boot --quiet --output=cat --identifier=tcptrace --unit="$unit" |
            grep -v -e "pid namespace" -e "metrics are at" && wrong "$unit complains"
    done
    failed=$(systemctl --failed --no-legend --plain)
    [ -z "$failed" ] || wrong "there is what failed: $failed"
}
# As systemctl edit does.
edit() {
    mkdir -p "/etc/systemd/system/$1.service.d"
    cat >"/etc/systemd/system/$1.service.d/override.conf"
    systemctl daemon-reload
}

by_hand() {
    dpkg --install "$file" >/dev/null
    for unit in record serve ship; do
        systemd-analyze security --no-pager "tcptrace-$unit" | tail -n 1
    done

    systemctl start tcptrace-record
    soon connects_recorded 5001 || wrong "what happens is not in $recording"
    up tcptrace-record || wrong "tcptrace-record is down"
    private
    systemctl restart tcptrace-record
    soon connects_recorded 5002 || wrong "what happens is not in $recording after a restart"
    systemctl stop tcptrace-record
    recorded 5001 && recorded 5002 || wrong "a recording is not whole once it was stopped"
    tcptrace info $recording | grep "not ended in good order" && wrong "a stop is no good end"
    content tcptrace-record

    # Both at once; the one is started by who asks.
    systemctl start tcptrace-record tcptrace-serve.socket
    systemctl --quiet is-active tcptrace-serve && wrong "tcptrace-serve is up before it is asked"
    asked $metrics >/dev/null || wrong "who asks for metrics gets none"
    up tcptrace-record tcptrace-serve || wrong "record and serve are not up at once"
    connect 5003
    soon counted 5003 || wrong "metrics don't tell of a connection"
    soon recorded 5003 || wrong "what happens is not in $recording, beside serve"
    for done in restart stop; do
        systemctl --no-block $done tcptrace-serve
        for _ in 1 2 3 4 5 6 7 8; do
            asked $metrics >/dev/null || wrong "who asks during a $done gets nothing"
        done
    done
    content tcptrace-record tcptrace-serve
    systemctl enable tcptrace-record tcptrace-serve
}

enabled() {
    soon up tcptrace-record tcptrace-serve || wrong "what is enabled does not come up"
    soon connects_recorded 5004 || wrong "what happens after a boot is not in $recording"
    soon counted 5004 || wrong "metrics don't tell of a connection after a boot"

    # An upgrade.
    before="$(pid tcptrace-record) $(pid tcptrace-serve)"
    dpkg --install "$file" >/dev/null
    soon up tcptrace-record tcptrace-serve || wrong "an upgrade ends what runs"
    for one in $before; do
        [ ! -e "/proc/$one" ] || wrong "what ran before the upgrade still does"
    done
    soon connects_recorded 5005 || wrong "what happens after an upgrade is not in $recording"
    content tcptrace-record tcptrace-serve

    # Nobody has that name: it says so, and waits.
    systemctl start tcptrace-ship
    soon eval 'journalctl --boot --unit=tcptrace-ship | grep -q "clickhouse.example.*it is tried again"' ||
        wrong "tcptrace-ship does not say where it gets nowhere"
    up tcptrace-ship || wrong "tcptrace-ship does not wait"
    systemctl stop tcptrace-ship

    # What another one records is shipped: with a password, which is wrong at first.
    systemctl disable --now tcptrace-record
    edit tcptrace-serve <<END
[Service]
ExecStart=
ExecStart=/usr/bin/tcptrace serve --record $recording
StateDirectory=tcptrace
END
    edit tcptrace-ship <<END
[Service]
ExecStart=
ExecStart=/usr/bin/tcptrace ship --follow --create -r $recording --to clickhouse+http://default@127.0.0.1:8123/default
LoadCredential=tcptrace-ship-password:/etc/tcptrace/ship-password
END
    mkdir /etc/tcptrace
    (umask 077 && echo wrong >/etc/tcptrace/ship-password)
    sed -i 's|<password></password>|<password>secret</password>|' /etc/clickhouse-server/users.xml
    systemctl restart clickhouse-server
    soon eval '[ "$(stored "SELECT 1")" = 1 ]' || wrong "ClickHouse does not answer"
    systemctl restart tcptrace-serve
    systemctl start tcptrace-ship
    soon eval 'journalctl --boot --unit=tcptrace-ship | grep -q "Wrong password"' ||
        wrong "tcptrace-ship does not say that the password is wrong"
    echo secret >/etc/tcptrace/ship-password
    soon up tcptrace-ship || wrong "tcptrace-ship is not started again"
    connect 5006
    soon shipped 5006 || wrong "what happens is not shipped"
    soon shipped 5003 || wrong "what was recorded before is not shipped"
    private

    # Who records in the same folder is told, and does no harm.
    systemctl start tcptrace-record
    soon eval 'journalctl --boot --unit=tcptrace-record | grep -q "another tcptrace does already"' ||
        wrong "two record in the same folder"
    systemctl stop tcptrace-record
    private
    systemctl restart tcptrace-serve
    # From when on systemctl says that it has started, nothing is missed.
    connect 5007
    soon recorded 5007 || wrong "what happens right behind the start of serve is not in $recording"
    up tcptrace-ship || wrong "tcptrace-ship ended as another one tried to record"
    [ "$(journalctl --boot --unit=tcptrace-ship | grep -c "pid namespace")" -le 1 ] ||
        wrong "tcptrace-ship says the same of each run"
    systemctl enable tcptrace-ship
}

shipping() {
    soon up tcptrace-serve tcptrace-ship || wrong "what is enabled does not come up"
    connect 5008
    soon shipped 5008 || wrong "what happens after a boot is not shipped"
    shipped 5006 || wrong "something is shipped twice"

    # While they run.
    dpkg --remove "$name" >/dev/null
    grep -lx tcptrace /proc/[0-9]*/comm && wrong "it runs after it was removed"
    ! asked $metrics || wrong "something listens after it was removed"
    [ -e /var/lib/private/tcptrace ] || wrong "recordings are gone before it was purged"
    dpkg --purge "$name" >/dev/null
    left=$(find / -xdev \( -path /proc -o -path /sys -o -path /shared -o -path /tmp -o -path /var/cache \
        -o -path /etc/tcptrace -o -path '/etc/systemd/system/*.d' \) -prune -o -name '*tcptrace*' -print)
    [ -z "$left" ] || wrong "a purge leaves behind: $left"
    failed=$(systemctl --failed --no-legend --plain)
    [ -z "$failed" ] || wrong "there is what failed: $failed"
}

"$boot"
echo "booted.sh: $boot: as it should be"
