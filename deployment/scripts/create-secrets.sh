#!/bin/sh
# Makes the secrets of the compose stack, one file each. See --help.
set -eu

usage() {
  cat <<'TEXT'
Usage: deployment/scripts/create-secrets.sh [--host NAME] [--dry-run] [--help] [DIRECTORY]

Makes what is missing of the secrets that docker-compose.production.yml mounts, in DIRECTORY (default: secrets).
A file that is there is kept, so your own certificate (tls.crt, tls.key), keys and webhook addresses stay; run it again
after an update. Keep a copy of the directory elsewhere: without its keys personal data cannot be read.
  --host NAME   name in the self-signed certificate (default: localhost)
  --dry-run     say which files would be made and make none
The directory is for its owner alone; its files can be read by the numbered users of the containers.
Needs openssl.
TEXT
}

host=localhost directory=secrets dry_run=false
while [ $# -gt 0 ]; do
  case "$1" in
    --host)
      [ $# -ge 2 ] || { echo "create-secrets: $1 needs a value" >&2; exit 2; }
      host="$2"
      shift
      ;;
    --dry-run) dry_run=true ;;
    --help) usage; exit 0 ;;
    -*) echo "create-secrets: unknown option $1; see --help" >&2; exit 2 ;;
    *) directory="$1" ;;
  esac
  shift
done
templates="$(dirname "$0")/../docker/redis/users"

# Whether the file is to be made; says so.
wanted() {
  [ ! -s "$directory/$1" ] || return 1
  echo "$([ "$dry_run" = true ] && echo 'would make' || echo 'made') $directory/$1"
  [ "$dry_run" = false ]
}

# The content of standard input, whole or not at all.
put() {
  cat >"$directory/$1.new"
  chmod 0444 "$directory/$1.new"
  mv "$directory/$1.new" "$directory/$1"
}

# Letters and digits: nothing in it needs an escape in a URL, a file of users or SQL.
password() { openssl rand -hex 24; }
key() { openssl rand -base64 32; }

if [ "$dry_run" = false ]; then
  command -v openssl >/dev/null || { echo 'create-secrets: openssl is needed' >&2; exit 1; }
  mkdir -p "$directory"
  chmod 0700 "$directory"
fi

for name in postgres_password replication_password admin_password grafana_admin_password; do
  if wanted "$name"; then password | put "$name"; fi
done
if wanted field_encryption_keys; then echo "k1:$(key)" | put field_encryption_keys; fi
for name in blind_index_key cursor_signing_key backup_key; do
  if wanted "$name"; then key | put "$name"; fi
done
if wanted jwt_private_key; then
  openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 2>/dev/null | put jwt_private_key
fi
if wanted tls.crt; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 -subj "/CN=$host" \
    -addext "subjectAltName=DNS:$host" -keyout "$directory/tls.key.made" -out "$directory/tls.crt.made" 2>/dev/null
  put tls.key <"$directory/tls.key.made"
  put tls.crt <"$directory/tls.crt.made"
  rm "$directory/tls.key.made" "$directory/tls.crt.made"
fi

database="postgresql://caudal:$(cat "$directory/postgres_password" 2>/dev/null || true)@"
if wanted database_url; then echo "${database}pgbouncer:6432/caudal" | put database_url; fi
if wanted database_direct_url; then echo "${database}postgres-1:5432/caudal" | put database_direct_url; fi
if wanted database_replica_urls; then
  echo "${database}pgbouncer:6432/caudal_2,${database}pgbouncer:6432/caudal_3" | put database_replica_urls
fi
if wanted pgbouncer_userlist; then
  printf '"caudal" "%s"\n' "$(cat "$directory/postgres_password")" | put pgbouncer_userlist
fi

# users TEMPLATE PASSWORD: the lines of a file of users, which has the hash where a URL has the password.
users() {
  sed "s/PASSWORD_SHA256/$(printf %s "$2" | openssl dgst -sha256 -r | cut -d' ' -f1)/" "$templates/$1.acl"
}

# Password and hash are made together.
redis_user() {
  if wanted "redis_$1_url"; then
    password=$(password)
    users "$2" "$password" | put "redis_$1_users"
    echo "redis://caudal-$2:$password@redis-$2:6379" | put "redis_$1_url"
  fi
}
redis_user main main
redis_user rate_limit rate-limit
redis_user session sessions

# Who takes snapshots may do nothing else. Users that were made anew have lost him: he gets another password, everywhere.
for each in main session; do
  if [ "$dry_run" = false ] && ! grep -q '^user caudal-backup ' "$directory/redis_${each}_users"; then
    rm -f "$directory/redis_backup_urls"
  fi
done
if wanted redis_backup_urls; then
  password=$(password)
  for each in main session; do
    others=$(grep -v '^user caudal-backup ' "$directory/redis_${each}_users")
    { printf '%s\n' "$others"; users backup "$password"; } | put "redis_${each}_users"
  done
  user="redis://caudal-backup:$password@redis"
  echo "main=$user-main:6379 sessions=$user-sessions:6379" | put redis_backup_urls
fi

# Who is to be told of alerts: yours. Until then nobody is, and Alertmanager logs that it failed.
if wanted slack_webhook_url; then echo 'https://hooks.slack.invalid/services/none' | put slack_webhook_url; fi
for name in smtp_password pagerduty_routing_key; do
  if wanted "$name"; then echo none | put "$name"; fi
done
