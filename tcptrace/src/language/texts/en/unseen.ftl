# What can't be seen on a machine, and why: the same words as in lines of JSON, which are always English.

# Why the kernel half can't be loaded, or a part of it

kernel-not-permitted = not permitted to load BPF programs ({ $why }): run it as root (sudo tcptrace), or with CAP_BPF and CAP_PERFMON
kernel-no-types = cannot read /sys/kernel/btf/vmlinux ({ $why }): tcptrace needs a kernel built with CONFIG_DEBUG_INFO_BTF=y (all large distributions since 2021), and /sys mounted
kernel-types-damaged = it is damaged
kernel-no-field = this kernel's struct { $container } has no field { $field }: please report this, with `uname -r`
kernel-too-old = this kernel is too old: its tracing programs cannot use bpf_get_socket_cookie(), which came with Linux 5.12; a newer kernel is needed
kernel-buffer = cannot make a ring buffer of { $bytes } bytes ({ $why }): try a smaller --buffer-size
kernel-descriptors = too many open files: tcptrace needs some 40 descriptors (ulimit -n)
kernel-refused = the kernel refused program { $program }: { $why }
kernel-load = cannot load the kernel half: { $why }

# Why functions of the kernel are not found

addresses-hidden = no kernel addresses in it: set kernel.kptr_restrict to 0 or 1, and run as root or with CAP_SYSLOG
addresses-missing = it has no { $functions }: this kernel must be built with CONFIG_KALLSYMS, and keep the names of its functions
functions-and-no = { $functions } and no { $function }

# What is missing because of it

unseen-cgroups = { $why }, so control groups that are made while tracing are known late, or not at all if they are short-lived
no-cgroups = the kernel's types have no control groups
unseen-addresses = { $why }; until then, TIME_WAIT, orphaned FIN_WAIT2 and half-open SYN_RECV can't be seen
unseen-timers = { $why }, so TIME_WAIT, orphaned FIN_WAIT2 and half-open SYN_RECV can't be seen
unseen-write-timer = tcp_write_timer is missing in it, so the port of connect() is looked for instead of told, and whether a SYN was sent at all is unknown
unseen-fins = { $why }, so FIN_WAIT2 -> TIME_WAIT of a closed socket is often seen only at its end
unseen-resets = { $why }, so resets by this machine can't be told from those by the peer, nor those from errors that ICMP told
unseen-causes = names of TCP functions are missing in it, so the reason of an early end of TIME_WAIT or SYN_RECV is unknown
unseen-forks = { $why }, so a connection may be told to be of the process that listened, where another accepted it
unseen-accepts = { $why }; so which of several processes accepts a connection is looked for instead: it is known a moment later, and not at all of a connection that is over by then
accepts-nowhere = this kernel does not support it on this processor (ENOTSUPP)
unseen-pid-namespace = this is not the machine's initial pid namespace: processes outside of it have no pid here, and those that have sockets already are not found; run tcptrace outside of it (a container: with --pid=host)
unseen-proc = /proc is not of this process's pid namespace, so no process has a pid: mount one that is
unseen-descriptors = the kernel hides the descriptors of most processes in spite of CAP_SYS_PTRACE, as a profile of AppArmor or SELinux has it do: whose sockets there are already can't be seen; run tcptrace without one (a container: with --security-opt apparmor=unconfined)
unseen-capability = { $without }: run it as root, or with { $name }

# Without a capability

without-loading = nothing can be traced
without-symbols = TIME_WAIT, orphaned FIN_WAIT2 and half-open SYN_RECV can't be seen
without-namespaces = the sockets that other network namespaces have already can't be seen
without-processes = whose sockets there are already can't be seen of other users' processes, nor the network namespaces that only they are in
without-descriptors = whose sockets there are already can't be seen of other users' processes, nor the names of containers
