#!/bin/sh
# Made the vectors beside it with OpenSSL and no line of Python:
#   openssl genrsa -traditional 2048 > private_key.pem
#   openssl rsa -in private_key.pem -pubout -out public_key.pem
#   sh make.sh > token.txt
set -eu
cd "$(dirname "$0")"
base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
signing_input="$(base64url < header.json).$(base64url < payload.json)"
signature="$(printf %s "$signing_input" | openssl dgst -sha256 -sign private_key.pem | base64url)"
printf '%s.%s\n' "$signing_input" "$signature"
