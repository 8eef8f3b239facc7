# Finds the programs of a PostgreSQL server. This file is sourced by server.sh and by the benchmarks,
# which name the programs they need in `server_programs` and define `fail`.

is_server_folder() {
    local program
    for program in "${server_programs[@]}"; do
        [[ -x $1/$program ]] || return 1
    done
}

# Prints the folder of the server's programs: the folder in PATH, or else the newest of the folders
# that package managers use.
find_server() {
    local found candidate
    if [[ -n ${DBOP_TEST_POSTGRES_BIN:-} ]]; then
        is_server_folder "$DBOP_TEST_POSTGRES_BIN" ||
            fail "DBOP_TEST_POSTGRES_BIN is '$DBOP_TEST_POSTGRES_BIN', which does not hold ${server_programs[*]}"
        printf '%s\n' "$DBOP_TEST_POSTGRES_BIN"
        return
    fi
    if found=$(command -v initdb) && is_server_folder "$(dirname "$found")"; then
        dirname "$found"
        return
    fi
    while IFS= read -r candidate; do
        if is_server_folder "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done < <(
        for candidate in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/libexec/postgresql*/ \
            /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin; do
            [[ -d $candidate ]] && printf '%s\n' "${candidate%/}"
        done | sort -rV
        pg_config --bindir 2>/dev/null || true
    )
    return 1
}
