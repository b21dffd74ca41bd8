# shellcheck shell=sh
# Sourced by backup.sh and restore.sh: where backups are, what encrypts them, and what both say and check.

# One directory with daily, weekly and monthly of PostgreSQL and redis, unless pgbackrest.conf names a bucket.
: "${BACKUP_DIR:=/var/lib/caudal-backup}"
# At least 32 characters; without this file no backup can be read. It belongs where the backups are not.
: "${BACKUP_KEY_FILE:=/run/secrets/backup-key}"
: "${PGBACKREST_CONFIG:=/etc/pgbackrest/pgbackrest.conf}"
: "${PGBACKREST_REPO1_PATH:=$BACKUP_DIR/daily}"
: "${PGBACKREST_REPO2_PATH:=$BACKUP_DIR/weekly}"
: "${PGBACKREST_REPO3_PATH:=$BACKUP_DIR/monthly}"
export PGBACKREST_CONFIG PGBACKREST_REPO1_PATH PGBACKREST_REPO2_PATH PGBACKREST_REPO3_PATH
export PGBACKREST_STANZA=caudal

KEY_LENGTH_MIN=32

fail() {
  echo "${PROGRAM:?}: $*" >&2
  exit 1
}

usage_error() {
  echo "$PROGRAM: $*; see --help" >&2
  exit 2
}

# With --dry-run nothing is needed, because nothing is run.
need() {
  [ -z "${run:-}" ] || return 0
  for each in "$@"; do
    command -v "$each" >/dev/null || fail "$each is not installed"
  done
}

# Gives pgBackRest the key in its environment, where no list of processes shows it.
load_key() {
  [ -z "${run:-}" ] || return 0
  [ -r "$BACKUP_KEY_FILE" ] || fail "cannot read the key, BACKUP_KEY_FILE=$BACKUP_KEY_FILE"
  IFS= read -r key <"$BACKUP_KEY_FILE" || [ -n "$key" ] || fail "BACKUP_KEY_FILE=$BACKUP_KEY_FILE is empty"
  [ "${#key}" -ge "$KEY_LENGTH_MIN" ] || fail "the key in $BACKUP_KEY_FILE has less than $KEY_LENGTH_MIN characters"
  PGBACKREST_REPO1_CIPHER_PASS="$key" PGBACKREST_REPO2_CIPHER_PASS="$key" PGBACKREST_REPO3_CIPHER_PASS="$key"
  export PGBACKREST_REPO1_CIPHER_PASS PGBACKREST_REPO2_CIPHER_PASS PGBACKREST_REPO3_CIPHER_PASS
}

# A directory of this run's own, which ends with it.
make_work_directory() {
  work=$(mktemp -d)
  trap 'GNUPGHOME="$work/gnupg" gpgconf --kill all >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

# OpenPGP with AES-256 and its modification detection: what was altered or cut off is refused.
crypt() {
  [ -d "$work/gnupg" ] || mkdir -m 700 "$work/gnupg"
  gpg --homedir "$work/gnupg" --batch --yes --quiet --no-tty --pinentry-mode loopback \
    --passphrase-file "$BACKUP_KEY_FILE" "$@"
}

# Compares every file and WAL segment of repository $1 with its checksum. pgBackRest ends with 0 whatever it
# finds; it says nothing, or `status: ok`, only of what is whole.
verify_repository() {
  if ! findings=$(pgbackrest --repo="$1" --output=text --job-retry=0 verify 2>&1); then
    fail "repository $1 cannot be verified: $findings"
  fi
  case "$findings" in
    *error* | *ERROR* | *WARN*) fail "repository $1 is damaged: $findings" ;;
  esac
}
