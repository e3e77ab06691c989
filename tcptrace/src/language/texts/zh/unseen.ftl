# 一台机器上看不到什么，以及为什么。JSON 里始终是英文。

# 为什么不能加载内核部分，或者其中一部分

kernel-not-permitted = 没有权限加载 BPF 程序（{ $why }）：请以 root 运行（sudo tcptrace），或者授予 CAP_BPF 和 CAP_PERFMON
kernel-no-types = 无法读取 /sys/kernel/btf/vmlinux（{ $why }）：tcptrace 需要用 CONFIG_DEBUG_INFO_BTF=y 构建的内核（2021 年以来所有大型发行版都是），并且挂载了 /sys
kernel-types-damaged = 已损坏
kernel-no-field = 这个内核的 struct { $container } 没有字段 { $field }：请报告此问题，并附上 `uname -r`
kernel-too-old = 这个内核太旧：它的跟踪程序不能使用 bpf_get_socket_cookie()，该函数从 Linux 5.12 开始才有；需要更新的内核
kernel-buffer = 无法创建 { $bytes } 字节的环形缓冲区（{ $why }）：请试试更小的 --buffer-size
kernel-descriptors = 打开的文件太多：tcptrace 需要大约 40 个文件描述符（ulimit -n）
kernel-refused = 内核拒绝了程序 { $program }：{ $why }
kernel-load = 无法加载内核部分：{ $why }

# 为什么找不到内核的函数

addresses-hidden = 里面没有内核地址：请把 kernel.kptr_restrict 设为 0 或 1，并以 root 运行，或者授予 CAP_SYSLOG
addresses-missing = 里面没有 { $functions }：这个内核必须用 CONFIG_KALLSYMS 构建，并且保留函数的名字
functions-and-no = { $functions }，也没有 { $function }

# 因此缺少什么

unseen-cgroups = { $why }，所以跟踪期间创建的控制组要晚一些才知道，如果存在时间很短，就根本不知道
no-cgroups = 内核的类型里没有控制组
unseen-addresses = { $why }；在那之前，看不到 TIME_WAIT、孤儿连接的 FIN_WAIT2 和半连接的 SYN_RECV
unseen-timers = { $why }，所以看不到 TIME_WAIT、孤儿连接的 FIN_WAIT2 和半连接的 SYN_RECV
unseen-write-timer = 里面没有 tcp_write_timer，所以 connect() 的端口不是内核告知的，而要去查找，也不知道究竟有没有发送过 SYN
unseen-fins = { $why }，所以已关闭套接字的 FIN_WAIT2 -> TIME_WAIT 往往到它结束时才看得到
unseen-resets = { $why }，所以分不清重置来自本机还是来自对端，也分不清重置与 ICMP 报告的错误
unseen-causes = 里面没有 TCP 函数的名字，所以不知道 TIME_WAIT 或 SYN_RECV 提前结束的原因
unseen-forks = { $why }，所以由另一个进程接受的连接，可能会被说成属于调用 listen() 的进程
unseen-accepts = { $why }；所以多个进程中由哪一个接受连接，只能去查找：稍后才知道，如果到那时连接已经结束，就根本不知道
accepts-nowhere = 这个内核在这种处理器上不支持它（ENOTSUPP）
unseen-pid-namespace = 这不是机器最初的 pid 命名空间：它之外的进程在这里没有 pid，其中已经有套接字的进程也找不到；请在它之外运行 tcptrace（容器：用 --pid=host）
unseen-proc = /proc 不属于这个进程的 pid 命名空间，所以任何进程都没有 pid：请挂载一个属于它的 /proc
unseen-descriptors = 尽管有 CAP_SYS_PTRACE，内核仍然隐藏大多数进程的文件描述符，AppArmor 或 SELinux 的配置会让它这样做：看不到已有的套接字属于谁；请在没有这种配置的情况下运行 tcptrace（容器：用 --security-opt apparmor=unconfined）
unseen-capability = { $without }：请以 root 运行，或者授予 { $name }

# 缺少某个权能时

without-loading = 什么都不能跟踪
without-symbols = 看不到 TIME_WAIT、孤儿连接的 FIN_WAIT2 和半连接的 SYN_RECV
without-namespaces = 看不到其他网络命名空间里已经存在的套接字
without-processes = 看不到已经存在的套接字属于其他用户的哪个进程，也看不到只有这些进程所在的网络命名空间
without-descriptors = 看不到已经存在的套接字属于其他用户的哪个进程，也看不到容器的名字
