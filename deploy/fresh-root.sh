#!/bin/bash
# Proves that a machine which holds nothing but git and make can build, run and check what is committed: makes a
# minimal Debian 12 root, clones HEAD into it and runs `make run ONCE=1` and `make check` there.
#   deploy/fresh-root.sh [--keep] [--do COMMAND]… DIR
#     --keep   leaves the root in DIR and uses the one found there; the clone is made anew
#     --do     what to run in place of the two, by sh -c in the clone
# Needs root. Mounts live in a mount namespace of their own and are gone when the script ends.
set -euo pipefail

suite=bookworm
repo=$(git -C "$(dirname "$(readlink -f "$0")")" rev-parse --show-toplevel)
keep=
steps=()
dir=

fail() {
    echo "fresh-root: $*" >&2
    exit 1
}

args=("$@")
while [ $# -gt 0 ]; do
    case $1 in
    --keep) keep=1 ;;
    --do) shift; steps+=("${1:?--do needs a command}") ;;
    -*) fail "unknown option $1" ;;
    *) dir=$1 ;;
    esac
    shift
done
[ -n "$dir" ] || fail "name the directory to make the root in"
[ ${#steps[@]} -gt 0 ] || steps=("make run ONCE=1" "make check")
[ "$(id -u)" = 0 ] || fail "needs root: debootstrap and chroot do"
command -v debootstrap >/dev/null || fail "needs debootstrap: apt-get install debootstrap"

# A process namespace too: whatever a step leaves running ends with the script.
if [ -z "${FRESH_ROOT_INSIDE:-}" ]; then
    FRESH_ROOT_INSIDE=1 exec unshare --mount --propagation private --pid --fork --kill-child \
        "$(readlink -f "$0")" "${args[@]}"
fi

mkdir -p "$dir"
dir=$(readlink -f "$dir")
root=$dir/root

# The archive this machine's own apt uses for the suite, without its security and updates parts.
mirror() {
    apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
        awk -v suite="$suite" '$1 == suite {print $2; exit}'
}

make_root() {
    local from
    from=$(mirror)
    [ -n "$from" ] || fail "no apt source of this machine serves $suite"
    rm -rf --one-file-system "$root"
    debootstrap --variant=minbase --include=git,make,ca-certificates "$suite" "$root" "$from"
    touch "$dir/complete"
}

# What lets this machine reach the network must let the root reach it too.
copy_network() {
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
    cp -L /etc/hosts "$root/etc/hosts"
    rm -f "$root/etc/apt/sources.list"
    [ ! -f /etc/apt/sources.list ] || cp /etc/apt/sources.list "$root/etc/apt/"
    mkdir -p "$root/etc/apt/sources.list.d" "$root/etc/apt/apt.conf.d" "$root/etc/apt/keyrings"
    cp -a /etc/apt/sources.list.d/. "$root/etc/apt/sources.list.d/"
    [ ! -d /etc/apt/keyrings ] || cp -a /etc/apt/keyrings/. "$root/etc/apt/keyrings/"
    cp -a /etc/apt/trusted.gpg.d/. "$root/etc/apt/trusted.gpg.d/"
    cp -a /usr/share/keyrings/. "$root/usr/share/keyrings/"
    local conf
    for conf in $(grep -lsE '^ *Acquire' /etc/apt/apt.conf /etc/apt/apt.conf.d/* || true); do
        cp "$conf" "$root/etc/apt/apt.conf.d/"
    done
    if [ -d /usr/local/share/ca-certificates ]; then
        cp -a /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/"
        chroot "$root" update-ca-certificates >/dev/null 2>&1
    fi
    # No service starts in there.
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod +x "$root/usr/sbin/policy-rc.d"
}

mount_root() {
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount --rbind /dev "$root/dev"
}

inside() {
    chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
        TERM="${TERM:-dumb}" http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" \
        no_proxy="${no_proxy:-}" sh -c "cd /opt/sotto && $1" </dev/null
}

if [ -z "$keep" ] || [ ! -e "$dir/complete" ]; then
    rm -f "$dir/complete"
    make_root
fi
copy_network
rm -rf --one-file-system "$root/opt/sotto"
git clone -q --no-local "$repo" "$root/opt/sotto"
commit=$(git -C "$root/opt/sotto" rev-parse --short HEAD)
mount_root

status=0
for step in "${steps[@]}"; do
    echo "fresh-root: $commit: $step" >&2
    began=$SECONDS
    inside "$step" || { status=$?; echo "fresh-root: failed: $step" >&2; break; }
    echo "fresh-root: done in $((SECONDS - began)) s: $step" >&2
done
if [ -z "$keep" ]; then
    umount -R "$root/dev" "$root/sys" "$root/proc"
    rm -rf --one-file-system "$root"
    rm -f "$dir/complete"
fi
exit $status
