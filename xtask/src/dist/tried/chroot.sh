# Installs, uses and purges a package, in a Debian or Ubuntu that has nothing else: sh try.sh NAME FILE VERSION
set -eu
name=$1 file=$2 version=$3
export DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin
wrong() { echo "try.sh: $*" >&2; exit 1; }
# All files but those that dpkg, apt and man-db keep of what they did.
files() {
    find / -xdev \( -path /proc -o -path /run -o -path /tmp -o -path /shared -o -path /var/cache \
        -o -path /var/log -o -path /var/lib/apt -o -path /var/lib/dpkg \) -prune -o -print | sort
}

# There is no terminal to show how far it is.
echo 'Dpkg::Use-Pty "0";' >/etc/apt/apt.conf.d/no-terminal
# Debian's tcptrace has a program of the same name: the one is not put over the other.
apt-get --quiet=2 install --no-install-recommends tcptrace >/dev/null
dpkg --install "$file" >/tmp/said 2>&1 && wrong "it is installed beside Debian's tcptrace"
grep -q "conflict" /tmp/said || wrong "dpkg refuses, and does not say that they conflict: $(cat /tmp/said)"
apt-get --quiet=2 purge --autoremove tcptrace >/dev/null
dpkg --purge "$name" >/dev/null 2>&1 || true

# Debian's smallest installations leave out man pages: not this one.
rm -f /etc/dpkg/dpkg.cfg.d/*
files >/tmp/before
# As the README says.
apt-get --quiet=2 install "$file" >/dev/null
said=$(tcptrace --version)
[ "$said" = "tcptrace $version" ] || wrong "tcptrace --version says $said"
[ "$(command -v tcptrace)" = /usr/bin/tcptrace ] || wrong "it is not in /usr/bin"
tcptrace explain TIME_WAIT | grep -q TIME_WAIT || wrong "tcptrace explain TIME_WAIT"
man -w tcptrace tcptrace-watch tcptrace-record
man tcptrace-watch | grep -q "Every transition" || wrong "man tcptrace-watch"
for units in /usr/lib/systemd/system/tcptrace-*; do
    SYSTEMD_LOG_LEVEL=warning systemd-analyze verify "$units"
    state=$(systemctl is-enabled "${units##*/}") || true
    [ "$state" = disabled ] || wrong "${units##*/} is $state after installation"
done
for completion in bash-completion/completions/tcptrace zsh/vendor-completions/_tcptrace \
    fish/vendor_completions.d/tcptrace.fish; do
    [ -s "/usr/share/$completion" ] || wrong "there is no $completion"
done
bash -euc '. /usr/share/bash-completion/completions/tcptrace; complete -p tcptrace'
for document in copyright changelog.gz changelog.Debian.gz THIRD-PARTY.txt.gz \
    THIRD-PARTY-RUST.html; do
    [ -s "/usr/share/doc/$name/$document" ] || wrong "there is no $document"
done

# Once more over itself, as an upgrade is; then what was enabled by hand goes, too.
dpkg --install "$file" >/dev/null
systemctl enable tcptrace-record.service
mkdir -p /var/lib/private/tcptrace
dpkg --remove "$name"
[ -d /var/lib/private/tcptrace ] || wrong "recordings are gone before it was purged"
dpkg --purge "$name"
files >/tmp/after
diff /tmp/before /tmp/after || wrong "a purge leaves something behind, or takes too much"
echo "installed, used and purged"
