#!/bin/bash
# `make run` and `make serve`: builds, starts sotto-local and sotto on free loopback ports, prints the addresses of the
# two pages, speaks a sample (`speak`; not with `serve`) and serves until Ctrl-C.
#   SPEECH=file.wav   says this in place of the sample         SOURCE=en-US  language spoken
#   TARGET=es         language to translate into               JSON=1        stdout carries sotto-say's JSON lines only
#   LAN=1             HTTPS on all addresses with a made certificate, and tokens for a learner and a teacher
#   LISTEN=192.0.2.7  with LAN=1: on this address of the machine only
#   ONCE=1            ends after speaking; the exit status is sotto-say's: 0 when captions and translations came
#   PORT=8080 SPEECH_PORT=50051 CHAT_PORT=8446                 first port to try, each
#   SOTTO_BIN=dir     programs that are built already, for tests; their state lies beside them
set -uo pipefail
cd "$(dirname "$0")/.." || exit

mode=${1:-speak}
bin=${SOTTO_BIN:-build/bin}
run=$(dirname "$bin")/run
sample=say/samples/lesson.wav
speech=${SPEECH:-$sample}
host=127.0.0.1
source_language=${SOURCE:-en-US}
target=${TARGET:-es}
pids=()
lan=
server_options=() say_options=()
# Kept for all runs, so that phones have to be told only once to trust the certificate.
[ "${LAN:-}" != 1 ] || lan=$run/lan

# What is for people goes to stderr; fd 3 is the real stdout.
exec 3>&1 1>&2

say() {
    echo "$*"
}

stop_all() {
    trap - EXIT INT TERM
    local pid waited=0
    # sotto first: it ends its sessions while sotto-local still answers.
    for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
        pid=${pids[i]}
        kill -TERM "$pid" 2>/dev/null || continue
        while kill -0 "$pid" 2>/dev/null && [ $waited -lt 150 ]; do
            sleep 0.1
            waited=$((waited + 1))
        done
        kill -KILL "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
}

finish() {
    stop_all
    exit "$1"
}

fail() {
    say "make $([ "$mode" = serve ] && echo serve || echo run): $*"
    finish 1
}

# message, log file, what to do
fail_with_log() {
    say ""
    say "$1. The last lines of $2:"
    tail -n 15 "$2" | sed 's/^/  | /'
    say "$3"
    finish 1
}

trap 'finish $?' EXIT
trap 'say ""; say "Ending."; finish 0' INT TERM HUP

connects() {
    (exec 9<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# The first port from $1 on that nobody listens on and that was not given out before.
given=" "
free_port() {
    local port=$1
    while connects "$port" || [[ $given == *" $port "* ]]; do
        port=$((port + 1))
        [ $port -lt $(($1 + 100)) ] || fail "ports $1 to $port are all taken; choose others with PORT, SPEECH_PORT or CHAT_PORT"
    done
    given+="$port "
    free=$port
}

# HTTP status of a GET, empty when there is no answer.
http_status() {
    local line
    (
        exec 9<>"/dev/tcp/127.0.0.1/$1" || exit
        printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n\r\n' "$2" "$1" >&9
        IFS= read -r -t 2 line <&9
        set -- $line
        echo "${2:-}"
    ) 2>/dev/null
}

# name, pid, log, seconds, then the command that succeeds when it is ready
wait_ready() {
    local name=$1 pid=$2 log=$3 left=$(($4 * 10))
    shift 4
    until "$@"; do
        kill -0 "$pid" 2>/dev/null ||
            fail_with_log "$name ended while it started" "$log" "Run it by hand to see more: $bin/$name --help"
        left=$((left - 1))
        [ $left -gt 0 ] ||
            fail_with_log "$name was not ready in time" "$log" "Is this machine very busy? Try again."
        sleep 0.1
    done
}

local_ready() {
    grep -sqw ready "$state/sotto-local.log" && [ -s "$state/cert.pem" ]
}

# Over TLS when the server has it.
sotto_ready() {
    if [ -z "$lan" ]; then
        [ "$(http_status "$port" /readyz)" = 200 ]
    else
        printf 'GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' |
            timeout 3 openssl s_client -quiet -connect "$host:$port" 2>/dev/null | grep -q '^HTTP/1.1 200'
    fi
}

# Sets what the server is started with beside the rest, and how it is reached.
prepare_lan() {
    command -v openssl >/dev/null || fail "LAN=1 makes a certificate with openssl, which is not installed"
    addresses=$(deploy/lan.sh "$lan" "$bin") ||
        fail_with_log "No certificate or no token could be made" "$lan/openssl.log" "Is openssl 1.1.1 or later?"
    addresses=${LISTEN:-$addresses}
    host=${LISTEN:-$host}
    listen=${LISTEN:-0.0.0.0}:$port
    server_options=(--tls-cert "$lan/cert.pem" --tls-key "$lan/key.pem" --auth-keys "$lan/keys")
    url=wss://$host:$port/v1/stream
    figures=https://$host:$port/metrics
    say_options=(--ca "$lan/cert.pem" --token-file "$lan/learner.token")
}

build() {
    mkdir -p build
    [ -z "${SOTTO_BIN:-}" ] || return 0
    deploy/deps.sh --check >/dev/null || deploy/deps.sh || fail "packages are missing, see above"
    [ -x $bin/sotto ] || say "Building (a few minutes the first time; the log is build/build.log)"
    deploy/build.sh release >build/build.log 2>&1 </dev/null ||
        fail_with_log "The build failed" build/build.log "Run make build to see all of it."
    for program in sotto sotto-admin sotto-local sotto-say; do
        [ -x "$bin/$program" ] || fail "$bin/$program was not built"
    done
}

start_servers() {
    free_port "${SPEECH_PORT:-50051}" && speech_port=$free
    free_port "${CHAT_PORT:-8446}" && chat_port=$free
    free_port "${PORT:-8080}" && port=$free
    # A folder a port, so that a second run beside this one keeps its own.
    state=$run/$port
    mkdir -p "$state"
    rm -f "$state"/*.log "$state/cert.pem"
    listen=127.0.0.1:$port
    url=ws://127.0.0.1:$port/v1/stream
    figures=http://127.0.0.1:$port/metrics
    [ -z "$lan" ] || prepare_lan

    $bin/sotto-local --speech-port "$speech_port" --chat-port "$chat_port" --cert-dir "$state" \
        >"$state/sotto-local.log" 2>&1 </dev/null 3>&- &
    pids+=($!)
    wait_ready sotto-local $! "$state/sotto-local.log" 120 local_ready

    $bin/sotto --listen "$listen" "${server_options[@]}" --stt-target "127.0.0.1:$speech_port" --stt-plaintext --stt-agreement 6 \
        --chat-url "https://127.0.0.1:$chat_port/v1" --chat-ca "$state/cert.pem" \
        >"$state/sotto.log" 2>&1 </dev/null 3>&- &
    pids+=($!)
    wait_ready sotto $! "$state/sotto.log" 60 sotto_ready
}

# In the background, so that Ctrl-C is acted upon at once.
speak() {
    local json=()
    [ "${JSON:-}" != 1 ] || json=(--json)
    say "Speaking $speech ($source_language to $target)"
    $bin/sotto-say --url "$url" "${say_options[@]}" --source "$source_language" \
        --target "$target" "$speech" "${json[@]}" >&3 </dev/null &
    pids+=($!)
    wait $!
    spoken=$?
    unset 'pids[-1]'
    [ $spoken -eq 0 ] && return
    say "sotto-say ended with status $spoken: not all captions and translations came."
    for log in "$state"/*.log; do
        say "The last lines of $log:"
        tail -n 10 "$log" | sed 's/^/  | /'
    done
    say "SOURCE=$source_language must be what is spoken, and TARGET=$target a pair that apertium has: apertium -l"
}

# Where people go. A token stands behind #, which browsers keep to themselves; the page takes it out of sight.
show_pages() {
    say ""
    if [ -z "$lan" ]; then
        say "Open in a browser:"
        say ""
        say "    to speak          http://127.0.0.1:$port/"
        say "    to teach          http://127.0.0.1:$port/monitor"
        say ""
        return
    fi
    say "Open in a browser, on any device of this network:"
    for address in ${addresses:-localhost}; do
        say ""
        say "    to speak          https://$address:$port/#token=$(cat "$lan/learner.token")"
        say ""
        say "    to teach          https://$address:$port/monitor#token=$(cat "$lan/teacher.token")"
    done
    say ""
    say "Whoever has the first address may speak in the class named class for 12 hours; whoever has the second sees all"
    say "that is said there. Browsers warn of the certificate, which was made here: $lan/cert.pem, with the fingerprint"
    say "    $(openssl x509 -in "$lan/cert.pem" -noout -fingerprint -sha256)"
    say ""
}

explain() {
    show_pages
    say "sotto serves on $listen; the logs are in $state. Ctrl-C ends it."
    say "  Speak a file:    $bin/sotto-say --url $url ${say_options[*]:+${say_options[*]} }--source $source_language --target $target FILE.wav"
    say "  Figures:         $figures"
}

[ "$mode" = serve ] || [ -f "$speech" ] || fail "no such file: $speech (SPEECH is a path from $(pwd))"
build
start_servers
spoken=0
if [ "$mode" = speak ]; then
    [ "${ONCE:-}" = 1 ] || show_pages
    speak
fi
[ "${ONCE:-}" != 1 ] || finish $spoken
explain
wait -n "${pids[@]}"
for name in sotto sotto-local; do
    log=$state/$name.log
    [ $name = sotto ] && pid=${pids[1]} || pid=${pids[0]}
    kill -0 "$pid" 2>/dev/null ||
        fail_with_log "$name ended by itself" "$log" "Please report this with the log."
done
