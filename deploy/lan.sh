#!/bin/bash
# What `make serve LAN=1` needs to serve a classroom's network: a certificate for the addresses of this machine, a key,
# and tokens for a learner and a teacher. A browser gives a page the microphone over HTTPS only.
#   lan.sh DIR BIN    makes what is missing in DIR, with sotto-admin of BIN, and prints the addresses, one a line
# cert.pem and key.pem are made anew when the addresses have changed or the certificate ends within a month; phones that
# were told to trust it have to be told again then. Tokens are good for 12 hours and made each time.
set -euo pipefail

dir=$1
bin=$2

addresses() {
    hostname -I 2>/dev/null | tr ' ' '\n' | grep -E '^[0-9]+(\.[0-9]+){3}$' || true
}

# subjectAltName of the certificate: what a browser may call this machine.
alt_names() {
    local names address
    names="DNS:localhost,IP:127.0.0.1,DNS:$(hostname),DNS:$(hostname).local"
    for address in $(addresses); do
        names+=",IP:$address"
    done
    echo "$names"
}

make_certificate() {
    local names
    names=$(alt_names)
    [ "$(cat "$dir/names" 2>/dev/null)" = "$names" ] &&
        openssl x509 -in "$dir/cert.pem" -checkend $((30 * 86400)) -noout >/dev/null 2>&1 && return
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 397 \
        -subj "/CN=sotto on $(hostname)" \
        -addext "subjectAltName=$names" -addext extendedKeyUsage=serverAuth \
        -keyout "$dir/key.new" -out "$dir/cert.new" 2>"$dir/openssl.log"
    mv "$dir/key.new" "$dir/key.pem"
    mv "$dir/cert.new" "$dir/cert.pem"
    echo "$names" >"$dir/names"
}

make_key() {
    mkdir -p "$dir/keys"
    [ -s "$dir/keys/lan.hs256" ] || openssl rand -base64 48 | tr -d '\n' >"$dir/keys/lan.hs256"
}

make_token() {
    "$bin/sotto-admin" token --keys "$dir/keys" --role "$1" --sub "$1" --class class --ttl 12h >"$dir/$1.token"
}

umask 077
mkdir -p "$dir"
make_certificate
make_key
make_token learner
make_token teacher
addresses
