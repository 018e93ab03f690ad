#!/usr/bin/env bash
# Plays the managed PostgreSQL of staging and production: a server outside the cluster, on kind's Docker network, that
# takes TLS connections only, with a certificate of its own CA. Pods reach it as stand-managed-postgres:5432.
#   managed-postgres.sh up              start it, with the database `stand`
#   managed-postgres.sh database NAME   add a database, and a role of the same name that may only make schemas in it
#   managed-postgres.sh down            delete it with all data; asks first
# The CA's certificate and the roles' passwords are in .stand/managed-postgres/. YES=1 answers the question.
set -euo pipefail
cd "$(dirname "$0")/../.."

name=stand-managed-postgres
files=.stand/managed-postgres

die() { printf '✗ %s\n' "$1" >&2; [ $# -lt 2 ] || printf '  %s\n' "$2" >&2; exit 1; }
confirm() { # confirm QUESTION
  [ "${YES:-}" = 1 ] && return
  [ -t 0 ] || die "$1" "There is nobody to ask here; YES=1 answers yes."
  read -r -p "$1 [y/N] " answer
  [[ $answer == [yY]* ]]
}
exists() { [ -n "$(docker ps --all --quiet --filter "name=^/$name$")" ]; }
# As the superuser, over the socket inside.
psql() { docker exec --interactive --user postgres $name psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 "$@"; }
in_data() { docker exec --interactive --user postgres $name sh -c "umask 077; cat > \"\$PGDATA/$1\""; }

need_tools() {
  for tool in docker openssl; do
    command -v $tool >/dev/null || die "$tool is missing"
  done
  docker network inspect kind >/dev/null 2>&1 || die "kind's Docker network is missing" "Make the cluster first: make cluster"
}

make_certificates() {
  # The CA's key is not kept: nothing else shall be signed by it.
  local key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
  openssl req -x509 "${key[@]}" -days 365 -subj "/CN=$name CA" -keyout $files/ca.key -out $files/ca.crt
  openssl req "${key[@]}" -subj "/CN=$name" -keyout $files/server.key -out $files/server.csr
  openssl x509 -req -in $files/server.csr -days 365 -CA $files/ca.crt -CAkey $files/ca.key -set_serial 1 \
    -extfile <(echo "subjectAltName=DNS:$name") -out $files/server.crt
  rm $files/ca.key $files/server.csr
}

wait_until_ready() {
  # Over TCP: while the image prepares its data, its server listens on a socket only.
  for _ in $(seq 300); do
    docker exec $name pg_isready --quiet --host 127.0.0.1 --username postgres && return
    sleep 0.2
  done
  docker logs --tail 20 $name >&2
  die "$name does not become ready"
}

up() {
  need_tools
  if exists; then
    docker start $name >/dev/null
    wait_until_ready
  else
    (umask 077 && mkdir -p $files)
    make_certificates 2> $files/openssl.log || { cat $files/openssl.log >&2; die "openssl failed"; }
    rm $files/openssl.log
    docker run --detach --name $name --hostname $name --network kind --env "POSTGRES_PASSWORD=$(openssl rand -hex 16)" postgres:18-bookworm >/dev/null
    wait_until_ready
    in_data server.crt < $files/server.crt
    in_data server.key < $files/server.key
    printf 'local all postgres peer\nhost all all 127.0.0.1/32 scram-sha-256\nhostssl all all all scram-sha-256\n' | in_data pg_hba.conf
    psql <<< "alter system set ssl = on; select pg_reload_conf();" >/dev/null
    add_database stand
  fi
  echo "✓ $name:5432; its CA is $files/ca.crt, the passwords are $files/ROLE.password"
}

add_database() { # add_database NAME
  local password
  password=$(openssl rand -hex 16)
  psql <<SQL
create role "$1" login password '$password' nosuperuser nocreatedb nocreaterole;
create database "$1";
revoke all on database "$1" from public;
grant connect, create on database "$1" to "$1";
SQL
  (umask 077 && printf %s "$password" > "$files/$1.password")
}

database() {
  [[ ${1:-} =~ ^[a-z][a-z0-9_]*$ ]] || die "Which database? As in: $0 database orders"
  exists || die "There is no $name" "Start it first: $0 up"
  add_database "$1"
}

down() {
  exists || { echo "There is no $name."; return; }
  confirm "Delete $name with all its data?" || exit 1
  docker rm --force --volumes $name >/dev/null
  rm -rf $files
}

case ${1:-} in
  up | down | database) "$@" ;;
  *) sed -n '2,7p' "$0" >&2; exit 2 ;;
esac
