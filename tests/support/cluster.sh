# Creates a cluster, prints its folder, and removes it when standard input ends. Whatever becomes of
# the tests, their end of this pipe is then closed. tests/support/cluster.rs runs this script as
#
#   sh -c "$(cat cluster.sh)" <folder of the server's programs>
#
# and writes the password as the first line of standard input.

trap '' HUP INT TERM # when the tests end, their pipe ends as well
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
