#!/bin/busybox sh
# The first process of the guest: makes it a machine, runs what is to be run, and turns it off.
# What xtask reads on the console are the lines that `say` writes, see verdict.rs.
/bin/busybox --install -s /bin
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb

say() { echo "guest: $*"; }

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir /dev/pts
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
# Neither tracefs nor bpffs: tcptrace must do without.

while read -r module; do
    insmod "/modules/$module.ko" || say "module $module can't be loaded"
done </modules/order
mkdir -p /dev/net
[ -c /dev/net/tun ] || mknod /dev/net/tun c 10 200
ip link set lo up
cd /root

say "begin $(uname -r)"
. /run.sh
say "end"
# The console is slow, and what isn't on it yet would be lost.
sleep 1
poweroff -f
