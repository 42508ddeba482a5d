#!/usr/bin/env bash
# Runs a private PostgreSQL or MariaDB in a folder until its standard input ends or has a line. Prints "ready PID"
# once the server accepts connections, or "failed" if it does not. Leaves no process, and no folder unless the line
# is "keep". The input ends with the test that holds its other end, in whatever way that test ends.
set -euo pipefail

kind=$1 folder=$2 password=$3
newest_postgres="$(compgen -G '/usr/lib/postgresql/*/bin' | sort --version-sort | tail --lines=1 || true)"
PATH="$PATH:/usr/sbin:/usr/local/sbin${newest_postgres:+:$newest_postgres}"
export LC_ALL=C PGPASSWORD=$password

# Neither server runs as root.
as=()
if [ "$(id -u)" -eq 0 ]; then
    as=(setpriv --reuid nobody --regid nogroup --clear-groups)
    chown nobody:nogroup "$folder"
fi
cd "$folder"

make_postgres() {
    printf '%s' "$password" | "${as[@]}" tee password >/dev/null
    "${as[@]}" initdb --pgdata data --username ringtrack --pwfile password --auth scram-sha-256 \
        --encoding UTF8 --no-locale --no-sync
}

run_postgres() {
    exec "${as[@]}" postgres -D data -k "$folder" -c listen_addresses= -c fsync=off -c full_page_writes=off \
        -c shared_buffers=32MB -c autovacuum=off
}

postgres_answers() { psql --host "$folder" --username ringtrack --command 'SELECT 1' postgres; }

# Both servers: an acknowledged commit is in the kernel, so that it survives a crash of the server. To survive a
# crash of the machine, which no test simulates, it would have to be on disk, which is slow. A MariaDB that starts
# removes the temporary tables of all others from the folder for temporary files, so each has a folder of its own.
mariadb_settings=(
    --no-defaults --datadir="$folder/data" --tmpdir="$folder" --innodb-log-file-size=16M --innodb-buffer-pool-size=32M
    --innodb-flush-log-at-trx-commit=2 --innodb-doublewrite=0
)

make_mariadb() {
    "${as[@]}" mariadb-install-db "${mariadb_settings[@]}" --auth-root-authentication-method=normal \
        --skip-test-db --skip-name-resolve
}

run_mariadb() {
    exec "${as[@]}" mariadbd "${mariadb_settings[@]}" --socket="$folder/socket" --pid-file="$folder/pid" \
        --skip-networking
}

mariadb_answers() {
    mariadb --no-defaults --socket="$folder/socket" --user=root --execute "
        CREATE USER IF NOT EXISTS ringtrack@localhost IDENTIFIED BY '$password';
        GRANT ALL ON *.* TO ringtrack@localhost"
}

finish() {
    local signal=KILL
    # On SIGQUIT, PostgreSQL ends at once with all of its processes and frees its shared memory.
    [ "$kind" = postgres ] && signal=QUIT
    # shellcheck disable=SC2046
    kill -CONT "$server" $(cat "/proc/$server/task/$server/children") || true
    kill -"$signal" "$server" || true
    wait "$server" || true
}

[ -d data ] || "make_$kind" &>>log
"run_$kind" &>>log </dev/null &
server=$!
answer=failed
for _ in {1..300}; do
    if "${kind}_answers" &>/dev/null; then
        answer="ready $server"
        break
    fi
    kill -0 "$server" || break
    sleep 0.1
done
echo "$answer"

word=
read -r word || true
finish 2>/dev/null
[ "$word" = keep ] || rm --recursive --force -- "$folder"
