# A PostgreSQL server for one run of the tests, on loopback, in a temporary folder. This file is sourced
# by tests/run, which defines `say` and `fail`, and which calls `stop_server` when it ends.

folder=      # everything the server writes
bin=         # the server's programs
server=      # the process group of the server
port=        # the port on which the server listens
password=    # the password of the user `dbop`
as_server=() # the prefix that makes a command run as the server's user

# Finds or installs the server's programs, starts the server, and tells the tests where both are.
start_server() {
    if ! bin=$(find_server); then
        [[ -z ${DBOP_TEST_POSTGRES_BIN:-} ]] || exit 1
        say "no PostgreSQL server is installed; installing one"
        install_server && bin=$(find_server) ||
            fail "PostgreSQL could not be installed: install its server (initdb, pg_ctl, postgres) and run this again"
    fi
    if ((EUID == 0)); then
        drop_root
    fi
    password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    make_folder
    create_cluster
    start_cluster
    say "$("$bin/postgres" --version) on 127.0.0.1:$port"

    export DBOP_TEST_POSTGRES="postgres://dbop:$password@127.0.0.1:$port/dbop"
    export DBOP_TEST_DATABASE_URL=$DBOP_TEST_POSTGRES
    export DBOP_TEST_POSTGRES_BIN=$bin
    unset DBOP_TEST_POSTGRES_USER
    if ((EUID == 0)); then
        DBOP_TEST_POSTGRES_USER=$("${as_server[@]}" id -u):$("${as_server[@]}" id -g)
        export DBOP_TEST_POSTGRES_USER
    fi
}

stop_server() {
    if [[ -n $folder ]]; then
        stop_cluster
        rm -rf "$folder"
    fi
}

# Whether the server that was started still runs.
server_runs() {
    kill -0 "$server" 2>/dev/null
}

# --- the server's programs ------------------------------------------------------------------------

server_programs=(initdb pg_ctl postgres)
# shellcheck source=tests/support/postgres.sh
source "$root/tests/support/postgres.sh"
# shellcheck source=tests/support/packages.sh
source "$root/tests/support/packages.sh"

install_server() {
    # Debian's packages would also start a server on port 5432. Only the programs are needed.
    local no_cluster=/etc/postgresql-common/createcluster.d/dbop-tests.conf status=0
    if command -v apt-get >/dev/null; then
        with_root mkdir -p "${no_cluster%/*}"
        echo 'create_main_cluster = false' | with_root tee "$no_cluster" >/dev/null
    fi
    install_package postgresql postgresql-server postgresql postgresql postgresql@17 || status=$?
    if [[ -e $no_cluster ]]; then
        with_root rm -f "$no_cluster"
    fi
    return "$status"
}

# --- the server's user ----------------------------------------------------------------------------

# Finds the prefix that switches to a user without privileges, because PostgreSQL refuses to run as root.
drop_root() {
    local user
    for user in postgres nobody dbop-tests; do
        id "$user" >/dev/null 2>&1 && break
    done
    if ! id "$user" >/dev/null 2>&1; then
        useradd --system --no-create-home "$user" >/dev/null 2>&1 ||
            adduser -S -H -D "$user" >/dev/null 2>&1 ||
            fail "there is no user 'postgres' or 'nobody', and '$user' could not be created"
    fi
    server_is "$user" setpriv --reuid="$(id -u "$user")" --regid="$(id -g "$user")" --clear-groups -- ||
        server_is "$user" runuser -u "$user" -- ||
        server_is "$user" su -s /bin/sh -c 'exec "$@"' -- "$user" sh ||
        fail "running as root, and none of setpriv, runuser and su can switch to '$user'"
}

# Uses the prefix if it works.
server_is() {
    local uid
    uid=$(id -u "$1") || return 1
    shift
    as_server=("$@")
    [[ $("$@" id -u 2>/dev/null) == "$uid" ]]
}

# Runs a command as the server's user, in a folder that this user can read.
server_side() {
    (cd "$folder" && exec ${as_server[@]+"${as_server[@]}"} "$@")
}

# --- the cluster ----------------------------------------------------------------------------------

# Creates the folder. Tries several places, because root's TMPDIR may be closed to the server's user.
make_folder() {
    local place
    for place in "${TMPDIR:-/tmp}" /tmp /var/tmp; do
        folder=$(mktemp -d "$place/dbop-tests.XXXXXX") || continue
        if ((EUID == 0)); then
            chown "$("${as_server[@]}" id -u):$("${as_server[@]}" id -g)" "$folder"
        fi
        if server_side test -w "$folder" 2>/dev/null; then
            return
        fi
        rm -rf "$folder"
        folder=
    done
    fail "no temporary folder that the server's user can write to"
}

show_log() {
    if [[ -s $folder/log ]]; then
        local log
        log=$(tail -n 40 "$folder/log")
        say "the end of the server's log:"
        printf '%s\n' "${log//"$password"/***}" >&2
    fi
}

create_cluster() {
    (umask 077 && printf '%s\n' "$password" >"$folder/password")
    : >"$folder/log"
    if ((EUID == 0)); then
        chown "$("${as_server[@]}" id -u)" "$folder/password" "$folder/log"
    fi
    server_side "$bin/initdb" --pgdata="$folder/data" --username=dbop --pwfile="$folder/password" \
        --auth=scram-sha-256 --encoding=UTF8 --no-locale --no-sync >>"$folder/log" 2>&1 ||
        { show_log; fail "initdb failed"; }
    rm "$folder/password"

    # fsync and full_page_writes protect against a crash of the machine, after which this data is
    # of no use. A killed server process loses nothing without them, because the kernel has its
    # writes. synchronous_commit stays on, so that COMMIT takes the same path as in production.
    cat >>"$folder/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = '$folder'
max_connections = 100
fsync = off
full_page_writes = off
synchronous_commit = on
deadlock_timeout = 100ms
lc_messages = 'C'
include = 'port.conf'
CONF
    echo 'port = 5432' >"$folder/data/port.conf" # not opened, because single-user mode has no socket
    chmod 644 "$folder/data/port.conf" # independent of the umask
    echo 'CREATE DATABASE dbop' |
        server_side "$bin/postgres" --single -D "$folder/data" postgres >>"$folder/log" 2>&1 ||
        { show_log; fail "the database could not be created"; }
}

# Starts the server on a free port and sets `port`. Binding is the only sure test for a free port,
# so the server itself has to try. The ports lie below those that systems give to outgoing
# connections, so that a test can restart the server and find its port still free.
start_cluster() {
    local tries
    for ((tries = 1; tries <= 50; tries++)); do
        port=$((20000 + RANDOM % 12000))
        echo "port = $port" >"$folder/data/port.conf"
        : >"$folder/log"
        # The server is a child of this shell and not a daemon of pg_ctl's, so that it is waited for
        # even where process 1 does not wait. It has a process group of its own (set -m), which
        # Ctrl-C does not reach.
        set -m
        server_side "$bin/postgres" -D "$folder/data" >>"$folder/log" 2>&1 </dev/null &
        server=$!
        set +m
        if is_ready; then
            return
        fi
        stop_cluster
        grep -q 'Address already in use' "$folder/log" || break
    done
    show_log
    fail "the server did not start"
}

is_ready() {
    local polls
    for ((polls = 0; polls < 1200; polls++)); do # a minute
        # pg_ctl waits for the eighth line, too.
        [[ $(sed -n 8p "$folder/data/postmaster.pid" 2>/dev/null) == ready* ]] && return
        server_runs || return 1
        sleep 0.05
    done
    return 1
}

stop_cluster() {
    local pid
    if pid=$(head -n 1 "$folder/data/postmaster.pid" 2>/dev/null); then
        server_side "$bin/pg_ctl" stop --silent --mode=immediate --timeout=10 \
            --pgdata="$folder/data" >/dev/null 2>&1 || kill -KILL "$pid" 2>/dev/null || true
    elif [[ -n $server ]]; then # it has not written the file yet
        kill -KILL -- "-$server" 2>/dev/null || true
    fi
    if [[ -n $server ]]; then
        wait "$server" 2>/dev/null || true
    fi
    server=
}
