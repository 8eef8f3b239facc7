# Makes a cluster, says where it is, and removes it when its standard input ends: whatever becomes
# of the tests, their end of that pipe is closed. Run by tests/support/cluster.rs as
#
#   sh -c "$(cat cluster.sh)" <folder of the server's programs>
#
# with the password in the first line of that input.

trap '' HUP INT TERM # whoever ends the tests ends their pipe
for place in "${TMPDIR:-/tmp}" /tmp /var/tmp; do
    folder=$(mktemp -d "$place/dbop-cluster.XXXXXX" 2>/dev/null) && break
done
cd "$folder" || exit 1
read -r password
(umask 077 && printf '%s\n' "$password" >password)

stop() {
    server=$(head -n 1 data/postmaster.pid 2>/dev/null) || return
    kill -s QUIT "$server" 2>/dev/null
    tries=0
    while [ -e data/postmaster.pid ] && [ "$tries" -lt 200 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
    [ ! -e data/postmaster.pid ] || kill -s KILL "$server" 2>/dev/null
}

if "$0/initdb" --pgdata=data --username=dbop --pwfile=password --auth=scram-sha-256 \
    --encoding=UTF8 --no-locale --no-sync >log 2>&1; then
    printf '%s\n' "$folder"
    read -r _
    stop
else
    cat log >&2
fi
cd / && rm -rf "$folder"
