# Whether a binary that others get traces: what it says of the machine, a connection that its client
# closes first, and a connection of a command. Ports 9000 and 9001 are 2328 and 2329 in /proc.
listens() { grep -q ":$1 .* 0A " /proc/net/tcp /proc/net/tcp6; }

say run doctor
/tcptrace doctor </dev/null 2>&1
say status $?

say run connection
/tcptrace watch -o json >/tmp/lines 2>/tmp/said </dev/null &
tracer=$!
until [ -s /tmp/lines ] || ! kill -0 $tracer; do sleep 1; done
# It has something to wait for: the end of its input would close it first.
(sleep 60 | sh -c 'echo "server $$"; exec nc -l -p 9000') &
until listens 2328; do sleep 1; done
echo hello | sh -c 'echo "client $$"; exec nc 127.0.0.1 9000'
sleep 2
kill -INT $tracer
wait $tracer
status=$?
cat /tmp/lines /tmp/said
say status $status

say run command
(sleep 60 | nc -l -p 9001) &
until listens 2329; do sleep 1; done
/tcptrace -o json -- sh -c 'echo hello | nc 127.0.0.1 9001' </dev/null 2>/tmp/said
status=$?
cat /tmp/said
say status $status
