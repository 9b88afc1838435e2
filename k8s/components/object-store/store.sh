#!/bin/sh
# Keeps the released part of a model repository in step with an object store.
#   store.sh push    from the repository to the store, beside the operator
#   store.sh pull    from the store to the repository, beside a model server or a gateway
#   store.sh restore all that is in the store to a repository without a release state, once, before the operator
# In every direction the versions go first, and the release state that names them last, each of its files in one piece:
# nobody is told of a version that is not whole yet. While nothing changes, a look costs one listing of a folder; what
# fails is tried again.
set -u

repository=${MODEL_REPOSITORY:-/models}
work=${STORE_WORK:-/tmp}
every_s=${STORE_EVERY_S:-5}
only=${ONLY:-**} # what of a version to copy
export RCLONE_CONFIG="${RCLONE_CONFIG:-/etc/rclone/rclone.conf}"
: "${STORE:?Set STORE to where the repository lies in the object store, such as store:bucket/models}"

# The versions, as NAME/VERSION, one a line, that the models.config of folder $1 names.
released() {
  [ -f "$1/models.config" ] || return 0
  sed -n -e 's/^ *name: *"\(.*\)"$/name \1/p' -e 's/^ *versions: *\([0-9]*\)$/version \1/p' "$1/models.config" |
    while read -r key value; do
      if [ "$key" = name ]; then name=$value; else echo "$name/$value"; fi
    done
}

# Whether the release state of $1, which it copies to the folder "next", is another than the one in the folder "last".
changed() {
  rclone copy --checksum "$1" "$work/next" --include /release.json --include /models.config || return 1
  [ -s "$work/next/release.json" ] && [ -s "$work/next/models.config" ] || return 1
  ! cmp -s "$work/next/release.json" "$work/last/release.json" ||
    ! cmp -s "$work/next/models.config" "$work/last/models.config"
}

# Copies the versions that "next" names, then "next" itself, from $1 to $2, and notes it in "last".
copy() {
  for version in $(released "$work/next"); do
    rclone copy "$1/$version" "$2/$version" --include "$only" || return 1
  done
  rclone copy --checksum "$work/next" "$2" && mkdir -p "$work/last" && cp "$work"/next/* "$work/last" &&
    echo "$direction: $(released "$work/last" | tr '\n' ' ')"
}

push() {
  ! changed "$repository" || copy "$repository" "$STORE"
}

pull() {
  ! changed "$STORE" || { remove && copy "$STORE" "$repository"; }
}

# Removes the versions that neither this release state nor the one before names: nobody can ask for them any more.
remove() {
  { released "$work/last" && released "$work/next"; } >"$work/named" || return 1
  for version in "$repository"/*/[0-9]*; do
    grep -qxF "${version#"$repository/"}" "$work/named" || rm -rf "$version"
  done
}

# A new volume must not be seeded: the next push would put its release in the place of the store's.
restore() {
  [ -s "$repository/models.config" ] && return 0
  rclone copy "$STORE" "$repository" --exclude /release.json --exclude /models.config
  case $? in
  0) rclone copy "$STORE" "$repository" --include /release.json --include /models.config ;;
  3) echo "restore: $STORE is empty" ;; # rclone's way to say that there is no such folder
  *) return 1 ;;
  esac
}

direction=${1:-}
case $direction in
push) trap 'push; exit 0' TERM INT ;; # what was released last still goes out
pull) trap 'exit 0' TERM INT ;; # as process 1 it would not end by itself
restore)
  restore
  exit
  ;;
*)
  echo "Expected push, pull or restore. Received: '$direction'" >&2
  exit 2
  ;;
esac
while true; do
  "$direction" || echo "$direction: not done; tried again in $every_s s" >&2
  sleep "$every_s" &
  wait $!
done
